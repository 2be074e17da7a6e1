"""What the app knows about screenings, triage and contacts: pure, standard library only."""

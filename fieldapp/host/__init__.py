"""What the app is to the machine it runs on: its key stores, its own process, and the page that shows it on a desktop."""

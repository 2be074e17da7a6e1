"""fieldapp: screening and discreet contact for people at risk of honour-related violence.

Read `bootstrap`, `ui.routes`, `services.screenings` and `domain.triage`, in that order: that is the officer's path.
"""

"""The field app: screens as functions of one state. `routes` is the map, `state` what it shows, `app` the session."""

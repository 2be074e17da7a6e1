"""The field app's screens: functions of one state. `routes` is the map, `state` what they show and do, `app` the session."""

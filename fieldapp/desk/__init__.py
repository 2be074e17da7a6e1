"""The desk of a Family Justice Centre: a first room with inbox, records, quarantine and devices.

`app.desk_app` gives Flet's ``main``; every screen is a function of `state.DeskState`, and calls `fieldapp.services`
for everything durable.
"""

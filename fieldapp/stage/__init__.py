"""Staging: what a phone gets, and nothing else, laid out as ``flet build`` wants it.

    closure.modules()   which of our modules the field app imports: the allow-list, read from the source
    folder.stage()      copies them with their data, and writes main.py and pyproject.toml
    hardening.harden()  changes Flet's build template: no screenshots, no recents, no backup

``flet build`` keeps the stem of the entry module only, demands ``<stem>.py`` in the folder of the app and takes
``assets/`` from there, which the project's own top level cannot offer: hence a folder of its own.
"""

"""The Flet kit: the only place that knows how Flet draws, and the cure for what it does badly.

Both applications (`fieldapp.ui` and `fieldapp.desk`) build their screens from these parts. See `layout` for
the scaffold of a screen, `theme` for the tokens and `presence` for the lock.
"""

"""Doing something that may fail or take a while, explained in the words of the field app."""

from fieldapp.kit.interface import Interface
from fieldapp.kit.trying import Trying
from fieldapp.kit.trying import use_trying as use_trying_with
from fieldapp.ui.words import trouble_notice

__all__ = ["Trying", "use_trying"]


def use_trying(ui: Interface) -> Trying:
    """Remember what is under way and what failed. A hook."""
    return use_trying_with(ui, trouble_notice)

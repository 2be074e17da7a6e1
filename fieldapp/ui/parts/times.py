"""Moments in few words: see `fieldapp.kit.times`, which the desk uses too."""

from fieldapp.kit.times import (
    clock_words,
    day_words,
    local_time,
    minutes_of,
    moment_words,
    past_words,
    wait_words,
    weekday_words,
)

__all__ = [
    "clock_words",
    "day_words",
    "local_time",
    "minutes_of",
    "moment_words",
    "past_words",
    "wait_words",
    "weekday_words",
]

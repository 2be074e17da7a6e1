"""What a process leaves behind, on systems that know less than ours: nothing there may stop the app."""

import builtins
import ctypes
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fieldapp.process import forbid_dumps, say_no_values


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    """Give this process its own hooks back."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def test_a_python_without_limits_still_forbids_dumps_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    class Known:
        def prctl(self, *words: int) -> int:
            asked.append(words)
            return 0

    real = builtins.__import__

    def without_limits(name: str, *rest: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(sys, "platform", "android")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Known())
    monkeypatch.setattr(builtins, "__import__", without_limits)
    forbid_dumps()
    assert asked == [(4, 0, 0, 0, 0)]


def test_a_library_without_prctl_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    forbid_dumps()


def test_a_program_without_a_place_to_print_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    say_no_values()
    monkeypatch.setattr(sys, "stderr", None)
    sys.excepthook(ValueError, ValueError("made up canoe"), None)

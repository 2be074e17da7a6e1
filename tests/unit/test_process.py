"""What a process leaves behind, on systems that know less than ours: nothing there may stop the app."""

import builtins
import ctypes
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldapp import bootstrap
from fieldapp.config import Config
from fieldapp.host.process import forbid_dumps, say_no_values


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


def test_what_ends_the_app_on_a_phone_says_its_class_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes on to Flet's own start there is written with its message into a file, and shown."""

    def lose(main: object) -> None:
        raise ValueError("made up canoe")

    monkeypatch.setenv("FLET_PLATFORM", "android")
    monkeypatch.setattr(bootstrap, "prepare", lambda: None)
    monkeypatch.setattr(bootstrap.ft, "run", lose)
    with pytest.raises(SystemExit) as ended:
        bootstrap.run_field(Config(tmp_path / "data"))
    assert ended.value.code == 1
    assert caplog.messages == ["the app failed: ValueError"]
    assert "canoe" not in caplog.text


def test_a_program_without_a_place_to_print_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    say_no_values()
    monkeypatch.setattr(sys, "stderr", None)
    sys.excepthook(ValueError, ValueError("made up canoe"), None)

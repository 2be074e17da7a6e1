"""What this process must not leave behind: no core dump, no memory for another program, no crash report with values.

Each of it is done where the system knows it, and never stops the app: a device that refuses is no worse than without.
"""

import ctypes
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

_PR_SET_DUMPABLE: Final = 4
"""Of ``prctl``, Linux and Android: with 0 there is no core dump, and no other program of the user may attach."""
_NO_ERROR_BOXES: Final = 0x1 | 0x2 | 0x8000
"""Of ``SetErrorMode``, Windows: a crash is not handed to error reporting, which would keep a copy of the memory."""


def leave_nothing() -> None:
    """Call it once, before anything is unlocked."""
    forbid_dumps()
    say_no_values()


def forbid_dumps() -> None:
    """Let no crash write the memory of this process, with the keys in it, to a disk."""
    if sys.platform == "win32":
        with suppress(OSError, AttributeError):
            ctypes.windll.kernel32.SetErrorMode(_NO_ERROR_BOXES)
        return
    with suppress(ImportError, OSError, ValueError, AttributeError):  # a sandbox may refuse
        import resource  # not in every Python

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith(("linux", "android")):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def say_no_values() -> None:
    """Let an error that nobody caught name its class and where it was raised: a message may hold what was typed."""

    def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = trace.tb_frame.f_code.co_qualname if trace is not None else "the program"
        if sys.stderr is not None:  # a program without a window of its own has none
            sys.stderr.write(f"{where} failed: {kind.__name__}\n")

    def in_thread(found: threading.ExceptHookArgs) -> None:
        if found.exc_type is not SystemExit:
            uncaught(found.exc_type, found.exc_value, found.exc_traceback)

    def unraisable(found: Any) -> None:
        uncaught(found.exc_type, found.exc_value, found.exc_traceback)

    sys.excepthook, threading.excepthook, sys.unraisablehook = uncaught, in_thread, unraisable

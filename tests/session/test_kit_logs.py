"""T10: no library may log what a person typed."""

import asyncio
import copy
import logging
import sys
from collections.abc import Iterator

import pytest

from fieldapp.kit.logs import QUIETED, SILENCED, DebugLoggingError, pin_loggers, refuse_debug_logging

CANARY = "made-up-canary-8R"
NAMES = (*SILENCED, *QUIETED, "asyncio")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(log.level, log.propagate, log.handlers[:], log.filters[:]) for log in loggers]
    sinks = [handler for handler in (*logging.getLogger().handlers, logging.lastResort) if handler]
    filters, loud = [handler.filters[:] for handler in sinks], logging.raiseExceptions
    yield
    logging.raiseExceptions = loud
    for handler, kept in zip(sinks, filters, strict=True):
        handler.filters = kept
    for log, (level, propagate, handlers, filters) in zip(loggers, before, strict=True):
        log.setLevel(level)
        log.propagate, log.handlers, log.filters = propagate, handlers, filters


@pytest.mark.parametrize("name", [*SILENCED, *QUIETED])
def test_pinned_loggers_say_nothing(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger(name).setLevel(logging.DEBUG)
    pin_loggers()
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(level, CANARY)
    assert CANARY not in "".join(capfd.readouterr())


def test_asyncio_names_the_class_of_an_error_only(caplog: pytest.LogCaptureFixture) -> None:
    pin_loggers()
    pin_loggers()
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("asyncio").exception("lost: %s", CANARY)
    assert caplog.messages == ["asyncio: ValueError"]
    assert CANARY not in caplog.text


def test_debug_logging_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for level in ("debug", "DEBUG ", "notset"):
        monkeypatch.setenv("FLET_LOG_LEVEL", level)
        with pytest.raises(DebugLoggingError):
            refuse_debug_logging()
    monkeypatch.setenv("FLET_LOG_LEVEL", "warning")
    refuse_debug_logging()
    monkeypatch.delenv("FLET_LOG_LEVEL")
    refuse_debug_logging()


def test_a_lost_task_leaves_no_content(caplog: pytest.LogCaptureFixture) -> None:
    async def lose() -> None:
        async def fail() -> None:
            raise ValueError(CANARY)

        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    pin_loggers()
    asyncio.run(lose())
    assert "asyncio: ValueError" in caplog.messages
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", ["made.up.library", "PIL.Image", "keyring"])
def test_a_library_that_nobody_thought_of_names_itself_only(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Python's own handler of last resort, and by one that FLET_LOG_LEVEL=info would set up."""
    root = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(logging.getLogger(), "handlers", [root])
    pin_loggers()
    try:
        raise ValueError(CANARY)
    except ValueError:
        record = logging.getLogger(name).makeRecord(
            name, logging.ERROR, "", 0, "lost %s", (CANARY,), sys.exc_info(), extra=None
        )
    for handler in (root, logging.lastResort):
        assert handler
        handler.handle(copy.copy(record))
    said = capsys.readouterr().err
    assert CANARY not in said
    assert said.count(f"{name}: ValueError") == 2


def test_our_own_line_is_kept_and_a_line_that_does_not_fit_shows_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(logging.getLogger(), "handlers", [root])
    pin_loggers()
    root.handle(
        logging.makeLogRecord({"name": "fieldapp", "msg": "%s failed: %s", "args": ("save", "ValueError")})
    )
    root.handle(logging.makeLogRecord({"name": "fieldapp", "msg": "%d", "args": (CANARY,)}))
    assert capsys.readouterr().err == "save failed: ValueError\n"

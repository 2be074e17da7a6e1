"""T10: no library may log what a person typed."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from fieldapp.kit.logs import QUIETED, SILENCED, DebugLoggingError, pin_loggers, refuse_debug_logging

CANARY = "made-up-canary-8R"
NAMES = (*SILENCED, *QUIETED, "asyncio")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(log.level, log.propagate, log.handlers[:], log.filters[:]) for log in loggers]
    yield
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

"""Loggers of the libraries, held so that no value a person typed can reach a log.

Flet's transport logger writes every field value, passphrases included, at level DEBUG; its error logger
writes tracebacks with values in them; httpx logs addresses at INFO. They are silenced for good: what matters
is recorded by `boundary.record_failure`, by function and exception class only. Of a library that nobody thought of, what
holds the last word is held: on a phone standard error is a file and the system's log.
"""

import logging
import os
from typing import Final

SILENCED: Final = (
    "flet",
    "flet_components",
    "flet_controls",
    "flet_object_patch",
    "flet_transport",
    "flet_web",
    "flet_web.fastapi",
)
OURS: Final = "fieldapp"
"""The logger of `boundary.record_failure`."""
QUIETED: Final = ("httpx", "httpcore", "uvicorn", "uvicorn.access", "uvicorn.error", "websockets")


class DebugLoggingError(RuntimeError):
    """FLET_LOG_LEVEL asks for a log that would contain passphrases; unset it and start again."""


class NoContent(logging.Filter):
    """Strip message, arguments and traceback from a record; leave the class of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite `record`, once, and let it pass."""
        if record.__dict__.setdefault("stripped_by", self) is not self:
            return True
        error = record.exc_info[1] if record.exc_info else None
        record.msg = f"{record.name}: {type(error).__name__ if error else 'see the code that logs here'}"
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


class OnlyOurs(NoContent):
    """Leave what we say ourselves, which has no content; strip everything else."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite `record`, unless it is ours, and let it pass."""
        return record.name == OURS or super().filter(record)


def pin_loggers() -> None:
    """Silence the loggers of Flet, quieten those of the network libraries, strip those of asyncio and of all others.

    Call it once, before the first session. It holds whatever level was configured before.
    """
    logging.raiseExceptions = False  # else a line that does not fit its arguments is shown with them
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None and not any(isinstance(present, OnlyOurs) for present in handler.filters):
            handler.addFilter(OnlyOurs())
    for name in SILENCED:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    for name in QUIETED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stripped = logging.getLogger("asyncio")
    stripped.setLevel(logging.WARNING)
    if not any(isinstance(present, NoContent) for present in stripped.filters):
        stripped.addFilter(NoContent())


def refuse_debug_logging() -> None:
    """Refuse to start while the environment asks Flet for a log.

    Raises:
        DebugLoggingError: ``FLET_LOG_LEVEL`` is ``debug`` or ``notset``, in any case of letters.

    """
    if os.environ.get("FLET_LOG_LEVEL", "").strip().lower() in ("debug", "notset"):
        raise DebugLoggingError(DebugLoggingError.__doc__)

"""Loggers of the libraries, held so that no value a person typed can reach a log.

Flet's transport logger writes every field value, passphrases included, at level DEBUG; its error logger
writes tracebacks with values in them; httpx logs addresses at INFO. They are silenced for good: what matters
is recorded by `boundary.record_failure`, by function and exception class only.
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
QUIETED: Final = ("httpx", "httpcore", "uvicorn", "uvicorn.access", "uvicorn.error", "websockets")


class DebugLoggingError(RuntimeError):
    """FLET_LOG_LEVEL asks for a log that would contain passphrases; unset it and start again."""


class NoContent(logging.Filter):
    """Strip message, arguments and traceback from a record; leave the class of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite `record` and let it pass."""
        error = record.exc_info[1] if record.exc_info else None
        record.msg = f"{record.name}: {type(error).__name__ if error else 'see the code that logs here'}"
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def pin_loggers() -> None:
    """Silence the loggers of Flet, quieten those of the network libraries, strip those of asyncio.

    Call it once, before the first session. It holds whatever level was configured before.
    """
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

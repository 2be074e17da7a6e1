"""One page of a PDF as a picture, drawn by a program of its own, from memory to memory.

What a device sends may be made to take over whoever reads it. It is read by `page_program` in a fresh interpreter
(nothing is forked from the process that holds the keys) with an empty environment, no file of ours open, and limits that
it sets itself. The document goes there through a pipe and bare pixels come back through another: no file is written,
and nothing of the answer is decoded. It is believed in its length and its numbers only. Whatever else happens (a crash,
a silence, an odd answer) is `PageNotDrawn`. See `docs/adr/0050`.
"""

import asyncio
import importlib.util
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, cast

from PIL import Image

from fieldapp.errors import FieldappError
from fieldapp.services.desk import page_program
from fieldapp.services.desk.page_program import HEAD, MAGIC, MOST_BYTES, SIDE, Result

SECONDS: Final = 20.0
"""From the start of the program to the end of its answer. Of these it may compute `page_program.CPU_SECONDS`."""
LAST_PAGE: Final = 500
"""Pages of one document that can be shown."""
_LARGEST_ANSWER: Final = HEAD.size + SIDE * SIDE * 3
_QUALITY: Final = 88
"""Of the JPEG that the screen gets."""


class Why(StrEnum):
    """Why a page is not drawn. The words for people are the screen's."""

    PASSWORD = "password"  # noqa: S105 - a reason, not a secret
    EMPTY = "empty"
    """The document has no pages, or none of this number."""
    FAILED = "failed"
    """It cannot be read, takes too long or too much, or does harm."""
    NOWHERE = "nowhere"
    """This computer cannot shut the drawing program in, or has none."""


class PageNotDrawn(FieldappError):
    """A page cannot be shown; the file itself is whole."""

    advice = "Save a copy and open it with another program."

    def __init__(self, why: Why, pages: int = 0) -> None:
        """Say why; `pages` is how many the document has (at most `LAST_PAGE`), 0 where that is not known."""
        super().__init__(f"The page is not drawn: {why.value}.")
        self.why = why
        self.pages = pages


@dataclass(frozen=True, slots=True)
class Page:
    """A drawn page: `picture` is a JPEG as our devices make them, `pages` how many there are (at most `LAST_PAGE`)."""

    picture: bytes = field(repr=False)
    pages: int
    more: bool
    """Whether the document has more pages than are shown."""


def program() -> list[str] | None:
    """Return the command that draws, None where its library is missing or it cannot be shut in (Windows)."""
    needed = ("pypdfium2", "resource")
    if getattr(sys, "frozen", False) or not sys.executable:
        return None
    if any(importlib.util.find_spec(name) is None for name in needed):
        return None
    # By its path: the fresh interpreter needs to find nothing of this project, and runs nothing else of it.
    # It leaves no compiled files beside what it imports.
    return [sys.executable, "-I", "-B", str(Path(page_program.__file__))]


async def draw(
    document: bytes, number: int, command: Sequence[str] | None = None, *, seconds: float = SECONDS
) -> Page:
    """Return page `number` (from 0) of a PDF. PageNotDrawn. Who cancels this ends the program."""
    command = command or program()
    if command is None:
        raise PageNotDrawn(Why.NOWHERE)
    if len(document) > MOST_BYTES or not 0 <= number < LAST_PAGE:
        raise PageNotDrawn(Why.FAILED)
    try:
        async with asyncio.timeout(seconds):
            answer = await _answer([*command, str(number)], document)
    except (TimeoutError, OSError, RuntimeError, MemoryError):  # no thread or no memory to watch it with
        raise PageNotDrawn(Why.FAILED) from None
    return await asyncio.to_thread(_judged, answer, number)


async def _answer(command: Sequence[str], document: bytes) -> bytes:
    """Return what the program writes until it ends well; PageNotDrawn, OSError. Cancelled, it ends the program."""
    transport, talk = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Talk(document),
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd=os.sep,
        start_new_session=True,
    )
    try:
        await talk.over.wait()
        if transport.get_returncode() != 0:
            raise PageNotDrawn(Why.FAILED)
        return bytes(talk.answer)
    finally:
        transport.close()  # which kills what still runs


class _Talk(asyncio.SubprocessProtocol):
    """Gives a program its document and takes its answer; one that says too much is ended. `over` when it has ended."""

    def __init__(self, document: bytes) -> None:
        self.answer = bytearray()
        self.over = asyncio.Event()
        self._document = document
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        pipe = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        pipe.write(self._document)
        pipe.close()  # after what was written

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.answer += data
        if len(self.answer) > _LARGEST_ANSWER and self._transport is not None:
            self.answer.clear()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


def _judged(answer: bytes, number: int) -> Page:
    """Return page `number` of an answer, drawn anew by us from its bare pixels; PageNotDrawn for anything else."""
    if len(answer) < HEAD.size:
        raise PageNotDrawn(Why.FAILED)
    magic, result, pages, width, height = HEAD.unpack_from(answer)
    pixels = answer[HEAD.size :]
    if magic != MAGIC or (result != Result.DRAWN and pixels):
        raise PageNotDrawn(Why.FAILED)
    if result != Result.DRAWN:
        reasons = {Result.PASSWORD: Why.PASSWORD, Result.EMPTY: Why.EMPTY}
        raise PageNotDrawn(reasons.get(result, Why.FAILED), min(pages, LAST_PAGE))
    if not (
        0 < width <= SIDE and 0 < height <= SIDE and number < pages and len(pixels) == width * height * 3
    ):
        raise PageNotDrawn(Why.FAILED)
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(out, "JPEG", quality=_QUALITY)
    return Page(out.getvalue(), min(pages, LAST_PAGE), pages > LAST_PAGE)

"""Photos and recordings taken inside the app: kept encrypted while they are made, never as a plain file.

    recording = captures.begin(screening.id)
    recording.take(sequence, chunk)              # as they come from the microphone
    await recording.end()

A recording is kept every few seconds, as one file of its record that grows; whoever takes the device away in the
middle of a sentence finds nothing, and nothing but the last seconds is lost. Locking ends it: what was said until
then is kept before the keys are dropped. A photo is kept as soon as it was taken, and may then be taken again.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from fieldapp.domain.attachment import MAX_FILES, MAX_RECORD_PIECES, Attachment
from fieldapp.errors import FieldappError
from fieldapp.services.attaching import Attachments
from fieldapp.services.media import FileRefused, Prepared, Refused, prepare
from fieldapp.services.media.tuning import Tuning
from fieldapp.services.media.voice import RATE, Voice, samples_in
from fieldapp.vault.errors import VaultError

SECONDS_BETWEEN_KEEPING: Final = 4
"""What is lost at most when the program is killed in the middle of a recording."""
LEAST_SECONDS: Final = 5
"""Where there is no room for more than this, no recording is begun."""


class Recording:
    """One recording under way, or just ended."""

    def __init__(
        self, attachments: Attachments, owner: bytes, label: str, most: int, tuning: Tuning | None
    ) -> None:
        """Use `Captures.begin`; `most` is in samples."""
        self.owner = owner
        self.file: Attachment | None = None
        """What is on the disk of it; None before the first seconds are."""
        self.trouble: Exception | None = None
        """Why the last part of it could not be kept; it has ended then."""
        self.ended = False
        self.on_end: Callable[[], object] = lambda: None
        """Called once, at its end: the microphone is let go there."""
        self._attachments = attachments
        self._label = label
        self._most = most
        self._voice = Voice()
        self._tuning = tuning
        self._kept = 0
        self._length = 0.0
        self._waiting: dict[int, bytes] = {}
        self._next = 1
        self._turn = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._dropped = False

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._length

    @property
    def kept_seconds(self) -> float:
        """How much of it is on the disk."""
        return self._kept / self._voice.rate

    @property
    def seconds_left(self) -> float:
        """How much longer it can become."""
        return max(0.0, self._most / self._voice.rate - self._length)

    @property
    def level(self) -> float:
        """How loud it is now, 0 to 1."""
        return self._voice.level

    def take(self, sequence: int, chunk: bytes) -> None:
        """Add what the microphone heard: 16-bit samples, of one channel unless it is tuned. Nothing after the end.

        `sequence` counts from 1: chunks may be handed over in another order than that in which they were made.
        """
        if self.ended:
            return
        self._waiting[sequence] = chunk
        while self._next in self._waiting:
            self._add(self._waiting.pop(self._next))
            self._next += 1
        if self._voice.samples >= self._most:
            self._ending = self._ending or asyncio.create_task(self.end())
        elif self._voice.samples - self._kept >= SECONDS_BETWEEN_KEEPING * RATE and (
            self._keeping is None or self._keeping.done()
        ):
            self._keeping = asyncio.create_task(self._keep())

    async def end(self) -> None:
        """End it and keep what there is; `trouble` says when that failed. Idempotent."""
        if not self.ended:
            for sequence in sorted(self._waiting):
                self._add(self._waiting[sequence])
            self._waiting = {}
            if self._tuning is not None:
                self._hear(self._tuning.rest())
            self.ended = True
            self.on_end()
        await self._keep()
        self._voice.forget()

    async def remove(self) -> None:
        """End it and erase it; VaultError."""
        self._dropped = True
        await self.end()
        if self.file is not None:
            await self._attachments.remove(self.owner, self.file.id)
            self.file = None

    def _add(self, chunk: bytes) -> None:
        self._hear(chunk if self._tuning is None else self._tuning.add(chunk))

    def _hear(self, samples: bytes) -> None:
        self._voice.add(samples, self._most)
        if self._tuning is not None:
            self._voice.rate = self._tuning.rate
        self._length = self._voice.seconds

    async def _keep(self) -> None:
        async with self._turn:
            samples = self._voice.samples
            if self._dropped or self.trouble is not None or samples <= self._kept:
                return
            sound = self._voice.file()
            try:
                prepared = await asyncio.to_thread(prepare, sound)
                known = self.file.id if self.file else None
                self.file = await self._attachments.add(self.owner, prepared, self._label, instead_of=known)
                self._kept = samples
            except (FieldappError, VaultError) as error:
                # A traceback would keep the sound in memory after locking.
                self.trouble = error.with_traceback(None)
        if self.trouble is not None and not self.ended:
            self.ended = True
            self.on_end()


class Captures:
    """What is being taken on one unlocked device."""

    def __init__(self, attachments: Attachments) -> None:
        self.recording: Recording | None = None
        self._attachments = attachments
        self._photos: set[asyncio.Task[tuple[Attachment, Prepared]]] = set()
        self._ending: asyncio.Task[None] | None = None

    def begin(self, owner: bytes, label: str = "", tuning: Tuning | None = None) -> Recording:
        """Begin a recording for something unfinished, by its id; FileRefused when there is no room for one.

        With `tuning` the microphone does not say what it gives.
        """
        most = samples_in(self._attachments.room(owner))
        if most < LEAST_SECONDS * RATE:
            files = self._attachments.of(owner)
            pieces = sum(len(file.pieces) for file in files)
            many = len(files) >= MAX_FILES or pieces >= MAX_RECORD_PIECES
            raise FileRefused(Refused.TOO_MANY if many else Refused.NO_ROOM)
        self.recording = Recording(self._attachments, owner, label, most, tuning)
        return self.recording

    async def photo(
        self,
        owner: bytes,
        frame: bytes,
        label: str = "",
        *,
        turns: int = 0,
        mirrored: bool = False,
        instead_of: bytes | None = None,
    ) -> tuple[Attachment, Prepared]:
        """Keep a picture and return it as it is kept; it is kept also when whoever waits for it is cancelled.

        `turns` and `mirrored` as for `prepare`, errors as for `Attachments.add`.
        """

        async def keep() -> tuple[Attachment, Prepared]:
            prepared = await asyncio.to_thread(prepare, frame, turns=turns, mirrored=mirrored)
            return await self._attachments.add(owner, prepared, label, instead_of=instead_of), prepared

        task = asyncio.create_task(keep())
        self._photos.add(task)
        task.add_done_callback(self._photos.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """End what is under way and keep it: the app is hidden, or is about to lock. Raises nothing of its own."""
        if self.recording is not None:
            await self.recording.end()
        await asyncio.gather(*self._photos, return_exceptions=True)

    def end_soon(self) -> None:
        """Do the same beside what is going on: the worker left for another place."""
        self._ending = asyncio.create_task(self.settle())

    def forget(self) -> None:
        """Drop what is known of the last recording."""
        self.recording = None

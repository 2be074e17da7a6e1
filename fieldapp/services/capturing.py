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
from functools import partial
from typing import Final

from fieldapp.domain.attachment import MAX_FILES, MAX_RECORD_PIECES, Attachment
from fieldapp.errors import AttachmentError
from fieldapp.services.attaching import Attachments
from fieldapp.services.media import FileRefused, Prepared, Refused, prepare
from fieldapp.services.media.tuning import Tuning
from fieldapp.services.media.voice import RATE, Voice, samples_in

SECONDS_BETWEEN_KEEPING: Final = 4
"""What is lost at most when the program is killed in the middle of a recording."""
MOST_WAITING: Final = 32
"""Chunks that wait for one before them; then that one is given up, since what waits is not kept."""
MOST_BYTES: Final = 1 << 20
"""No microphone gives more at once: it would be a minute."""
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
        self.settled = False
        """Whether all of it is on the disk, as far as that is possible."""
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

        `sequence` counts from 1: chunks may be handed over in another order than that in which they were made. What comes
        twice, or after it was given up, counts for nothing.
        """
        if self.ended or sequence < self._next or len(chunk) > MOST_BYTES:
            return
        self._waiting[sequence] = chunk
        while self._next in self._waiting or len(self._waiting) > MOST_WAITING:
            self._next = min(self._waiting)
            self._add(self._waiting.pop(self._next))
            self._next += 1
        if self._voice.samples >= self._most:
            self._ending = self._ending or asyncio.create_task(self.end())
        elif self._voice.samples - self._kept >= SECONDS_BETWEEN_KEEPING * RATE and (
            self._keeping is None or self._keeping.done()
        ):
            self._keeping = asyncio.create_task(self._keep())

    def stop(self) -> None:
        """Let the microphone go, at once; `end` keeps what there is. Idempotent."""
        if not self.ended:
            for sequence in sorted(self._waiting):
                self._add(self._waiting[sequence])
            self._waiting = {}
            if self._tuning is not None:
                self._hear(self._tuning.rest())
            self.ended = True
            self.on_end()

    async def end(self) -> None:
        """End it and keep what there is; `trouble` says when that failed. Idempotent."""
        self.stop()
        await self._keep()
        self._voice.forget()
        self.settled = True

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
            except Exception as error:
                # Whatever it was: nobody may go on speaking to a microphone that keeps nothing. A traceback would
                # keep the sound in memory after locking.
                self.trouble = error.with_traceback(None)
        if self.trouble is not None and not self.ended:
            self.ended = True
            self.on_end()


_Keeping = asyncio.Task[tuple[Attachment, Prepared]]


class Captures:
    """What is being taken on one unlocked device."""

    def __init__(self, attachments: Attachments) -> None:
        self.recording: Recording | None = None
        """The one that is on the screen."""
        self._attachments = attachments
        attachments.settling = self.settle
        self._begun: list[Recording] = []
        self._photos: dict[_Keeping, bytes] = {}
        self._files: dict[_Keeping, bytes] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def begin(self, owner: bytes, label: str = "", tuning: Tuning | None = None) -> Recording:
        """Begin a recording for something unfinished, by its id; FileRefused when there is no room for one.

        With `tuning` the microphone does not say what it gives. One that still goes on is ended and kept: there is one
        microphone. AttachmentError while the notebook is being locked.
        """
        if self._closed:
            raise AttachmentError("This notebook is being locked.")
        self.forget()
        most = samples_in(self._attachments.room(owner))
        if most < LEAST_SECONDS * RATE:
            files = self._attachments.of(owner)
            pieces = sum(len(file.pieces) for file in files)
            many = len(files) >= MAX_FILES or pieces >= MAX_RECORD_PIECES
            raise FileRefused(Refused.TOO_MANY if many else Refused.NO_ROOM)
        self.recording = Recording(self._attachments, owner, label, most, tuning)
        self._begun = [one for one in self._begun if not one.settled] + [self.recording]
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

        `turns` and `mirrored` as for `prepare`, errors as for `Attachments.add`. A record that is finished or discarded
        meanwhile waits for it, and takes it along.
        """
        return await self._keep(
            self._photos, owner, partial(prepare, frame, turns=turns, mirrored=mirrored), label, instead_of
        )

    async def file(self, owner: bytes, data: bytes, label: str = "") -> Attachment:
        """Keep a file that was chosen, as `photo` keeps a picture; a lock does not wait for it."""
        file, _ = await self._keep(self._files, owner, partial(prepare, data), label)
        return file

    async def _keep(
        self,
        under_way: dict[_Keeping, bytes],
        owner: bytes,
        make: Callable[[], Prepared],
        label: str,
        instead_of: bytes | None = None,
    ) -> tuple[Attachment, Prepared]:
        async def keep() -> tuple[Attachment, Prepared]:
            prepared = await asyncio.to_thread(make)
            return await self._attachments.add(owner, prepared, label, instead_of=instead_of), prepared

        task = asyncio.create_task(keep())
        under_way[task] = owner
        task.add_done_callback(under_way.pop)
        return await asyncio.shield(task)

    async def settle(self, owner: bytes | None = None) -> None:
        """End what is being taken for `owner`, or for everybody, and keep it. Raises nothing of its own.

        The app is hidden, or is about to lock; a record is finished or discarded, which takes its files along: also those
        that were chosen.
        """
        recordings = [one for one in self._begun if owner in (None, one.owner)]
        for recording in recordings:
            recording.stop()
        for recording in recordings:
            await recording.end()
        kept = self._photos if owner is None else self._photos | self._files
        tasks = [task for task, whose in kept.items() if owner in (None, whose)]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Begin nothing any more, and keep what is under way: the notebook is being locked."""
        self._closed = True
        await self.settle()

    def end_soon(self) -> None:
        """End what is being recorded now, beside what is going on: the worker left for another place."""
        for recording in self._begun:
            if not recording.settled:
                recording.stop()
                task = asyncio.create_task(recording.end())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    def forget(self) -> None:
        """Show the last recording no more; one that still goes on is ended and kept."""
        if self.recording is not None and not self.recording.ended:
            self.end_soon()
        self.recording = None

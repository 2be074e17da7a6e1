"""Group commit: many calls, one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sync.relay.database import StoreUnavailableError

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Joins calls that wait at the same time into one `flush`, and answers each with its own result.

    A call that comes alone runs at once. Those that arrive while a batch runs, or within `pause` seconds of
    its end, form the next one: a batch costs hardly more than a single call, so under load this is what keeps
    the cost of each small. A caller hears of success only after `flush` returned, that is after the commit.
    """

    def __init__(
        self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]], largest: int, pause: float
    ) -> None:
        self._flush = flush
        self._largest = largest
        self._pause = pause
        self._not_before = 0.0
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, entry: T) -> R:
        """Return the result for `entry`; raise StoreUnavailableError when its batch failed."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Wait until all that was submitted has been answered."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if len(self._waiting) < self._largest:
                await asyncio.sleep(self._not_before - loop.time())
            size = min(self._largest, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                results = await self._flush([entry for entry, _ in batch])
            except Exception:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(StoreUnavailableError())
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
            self._not_before = loop.time() + self._pause

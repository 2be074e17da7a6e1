"""One thread for all storage of one data directory.

SQLite connections are bound to a thread, and a vault is used by one caller at a time. Calls run in the order in
which they were made, also when the task that waited for one is cancelled: locking waits for the save before it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class StorageWorker:
    """Runs blocking calls one after the other, off the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="storage")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call` on the storage thread and return its result, or raise what it raised.

        Cancelling the waiting task does not stop a call that is under way: a commit is never half a commit.
        """
        future = self._pool.submit(call, *args, **kwargs)
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._pool.shutdown(wait=True)

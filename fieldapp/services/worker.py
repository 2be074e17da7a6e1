"""One thread for all storage of one data directory.

SQLite connections are bound to a thread, and a vault is used by one caller at a time. Calls run in the order in
which they were made, also when the task that waited for one is cancelled: locking waits for the save before it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
        # The executor's own future would wake the event loop twice more, which every tap on an answer would feel.
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._pool.submit(_run, partial(call, *args, **kwargs), loop, done)
        return await done

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._pool.shutdown(wait=True)


def _run(call: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
    """On the storage thread: make the call and wake the event loop once."""
    try:
        settle = partial(done.set_result, call())
    except BaseException as error:
        settle = partial(done.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, done, settle)


def _settle(done: asyncio.Future[T], settle: Callable[[], None]) -> None:
    """On the event loop: hand over the outcome, unless whoever waited was cancelled."""
    if not done.done():
        settle()

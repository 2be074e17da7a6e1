"""The storage thread: order, outcome, and what happens when nobody waits any more."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from fieldapp.services.worker import StorageWorker

pytestmark = pytest.mark.anyio


@pytest.fixture
def worker() -> Iterator[StorageWorker]:
    worker = StorageWorker()
    yield worker
    worker.close()


async def test_a_call_gives_its_result_or_its_error(worker: StorageWorker) -> None:
    assert await worker.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 7, 0)
    assert await worker.run(threading.current_thread) is not threading.current_thread()


async def test_calls_run_in_order_also_when_whoever_waits_is_cancelled(worker: StorageWorker) -> None:
    began, may_end = threading.Event(), threading.Event()
    done: list[int] = []

    def first() -> None:
        began.set()
        may_end.wait(20)
        done.append(1)

    waiting = asyncio.create_task(worker.run(first))
    second = asyncio.create_task(worker.run(done.append, 2))
    await asyncio.to_thread(began.wait, 20)
    waiting.cancel()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    may_end.set()
    await worker.run(done.append, 3)
    assert done == [1, 2, 3]


def test_an_outcome_after_the_end_of_the_loop_is_dropped() -> None:
    worker = StorageWorker()
    began, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        may_end.wait(20)

    async def leave() -> None:
        task = asyncio.create_task(worker.run(slow))
        await asyncio.to_thread(began.wait, 20)
        task.cancel()

    asyncio.run(leave())
    may_end.set()
    worker.close()

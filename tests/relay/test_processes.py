"""Several processes of one relay on one PostgreSQL, one of them killed in the middle of a push."""

import asyncio
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

import httpx

from sync.relay.app import register_centre
from tests.relay.harness import HOST, Centre, Desk, b64, envelope, run

PROCESSES = 3
DEVICES = 20
DROPS = 3000 if os.environ.get("FIELDAPP_LONG") else 200


@dataclass
class Process:
    """One relay process; `client` speaks to it under the relay's public name."""

    port: int
    popen: subprocess.Popen[bytes]

    def client(self) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=url, headers={"Host": HOST}, timeout=60)


@contextmanager
def started(database: str, count: int) -> Iterator[list[Process]]:
    """Start all of them at once on an empty database: they also race for the schema and the nonce key."""
    processes: list[Process] = []
    try:
        for _ in range(count):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            command = [sys.executable, "-m", "sync.relay", "--database", database, "--port", str(port)]
            options = ["--public-host", HOST]
            processes.append(Process(port, subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)))
        for process in processes:
            _wait(process)
        yield processes
    finally:
        for process in processes:
            process.popen.kill()
            process.popen.wait()


def _wait(process: Process) -> None:
    for _ in range(1200):
        assert process.popen.poll() is None, "the relay did not start"
        try:
            if httpx.get(f"http://127.0.0.1:{process.port}/v1/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the relay did not start")


@dataclass
class Push:
    """What the devices sent, and what they were told."""

    box: str
    clients: list[httpx.AsyncClient]
    bodies: dict[bytes, bytes]
    acknowledged: dict[bytes, str] = field(default_factory=dict)
    retries: int = 0
    third: asyncio.Event = field(default_factory=asyncio.Event)

    async def device(self, number: int) -> None:
        """Offer each envelope to one process after another until one takes it; the answer of a dead one is lost."""
        ways = itertools.cycle(self.clients[number % PROCESSES :] + self.clients[: number % PROCESSES])
        for token in list(self.bodies)[number::DEVICES]:
            while token not in self.acknowledged:
                await self._offer(next(ways), token)

    async def _offer(self, client: httpx.AsyncClient, token: bytes) -> None:
        headers = {"Authorization": f"Drop {b64(token)}"}
        try:
            answer = await client.post(f"/v1/drop/{self.box}", content=self.bodies[token], headers=headers)
        except httpx.TransportError:
            self.retries += 1
            return
        assert answer.status_code in (200, 201), answer.text
        self.acknowledged[token] = answer.json()["id"]
        if len(self.acknowledged) >= len(self.bodies) // 3:
            self.third.set()


async def pull(centre: Centre, clients: list[httpx.AsyncClient], push: Push) -> list[tuple[str, bytes]]:
    """Read with one cursor from whichever process, while the push goes on, until all that was acknowledged came."""
    seen: list[tuple[str, bytes]] = []
    cursor = ""
    for client in itertools.cycle(clients):
        finished = len(push.acknowledged) == len(push.bodies)
        centre.desk.client = client
        page = await centre.desk.page(centre.box, cursor, limit=9 + secrets.randbelow(60))
        seen += [(item_id, body) for item_id, _, body in page.items]
        cursor = page.cursor
        if finished and not page.items:
            break
    return seen


def test_a_process_killed_in_the_middle_of_a_push_loses_nothing_and_doubles_nothing(
    postgres_url: str,
) -> None:
    async def scenario() -> None:
        with started(postgres_url, PROCESSES) as processes:
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(process.client()) for process in processes]
                centre = Centre(Desk(clients[0]), secrets.token_bytes(16), secrets.token_hex(16))
                await register_centre(postgres_url, centre.centre_id, centre.desk.public, "Made-up centre")
                assert (await centre.save_desks()).status_code == 200
                push = Push(centre.box, clients, {t: envelope() for t in await centre.tokens(DROPS)})
                devices = [asyncio.create_task(push.device(number)) for number in range(DEVICES)]
                reading = asyncio.create_task(pull(centre, clients[1:], push))
                await asyncio.wait_for(push.third.wait(), 300)
                processes[0].popen.send_signal(signal.SIGKILL)
                await asyncio.wait_for(asyncio.gather(*devices), 300)
                seen = await asyncio.wait_for(reading, 300)
                # Whoever repeats now, at any process that lives, gets the same answer and stores nothing.
                before = dict(push.acknowledged)
                push.acknowledged.clear()
                push.clients = clients[1:]
                await asyncio.gather(*(push.device(number) for number in range(DEVICES)))
                assert push.acknowledged == before
                whole = await pull(centre, clients[1:], push)
        assert push.retries > 0
        expected = sorted((before[token], body) for token, body in push.bodies.items())
        assert sorted(seen) == expected
        assert sorted(whole) == expected

    run(scenario())

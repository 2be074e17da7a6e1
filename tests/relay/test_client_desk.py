"""The desk's client against a real relay: every signed call, and what happens to a nonce that ran out."""

import asyncio
import secrets

import httpx
import pytest

from sync.answers import Refusal
from sync.client import CentreClient, DeskAccess, token_hash
from sync.errors import RelayRefused
from sync.primitives import SigningKey
from sync.relay.app import register_centre
from tests.relay.harness import HOST, envelope, relay, run

BOX = "ab" * 16


def test_a_desk_registers_publishes_pulls_and_deletes(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            key = SigningKey.generate()
            desk = CentreClient(f"https://{HOST}", key, transport=httpx.ASGITransport(app=served.app))
            with pytest.raises(RelayRefused, match=Refusal.UNAUTHORIZED):
                await desk.put_desks([DeskAccess(key.public, True, (BOX,))])
            await register_centre(served.database, secrets.token_bytes(16), key.public, "Made-up centre")
            with pytest.raises(RelayRefused, match=Refusal.NOT_FOUND):
                await desk.box(BOX)
            await desk.put_desks([DeskAccess(key.public, True, (BOX,))])
            tokens = [secrets.token_bytes(32) for _ in range(3)]
            for _ in range(2):
                await desk.change_tokens(drop=[token_hash(token) for token in tokens])
                await desk.put_directory(1, b"made-up directory")
            assert await desk.published_directory() == b"made-up directory"
            with pytest.raises(RelayRefused, match=Refusal.CONFLICT):
                await desk.put_directory(1, b"another")

            sent = [envelope(), envelope(16384), envelope(65536)]
            for token, item in zip(tokens, sent, strict=True):
                await desk.drop(BOX, token, item)
            first = await desk.box(BOX, limit=2)
            assert list(first.envelopes) == sent[:2]
            assert first.more
            rest = await desk.box(BOX, first.cursor)
            assert list(rest.envelopes) == sent[2:]
            assert await desk.item(rest.items[0].item_id) == sent[2]
            await desk.commit(BOX, rest.cursor)
            assert (await desk.box(BOX)).items == ()
            with pytest.raises(RelayRefused, match=Refusal.CONFLICT):
                await desk.commit(BOX, first.cursor)

    run(body())


def test_a_nonce_that_ran_out_is_replaced_once(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            key = SigningKey.generate()
            await register_centre(served.database, secrets.token_bytes(16), key.public, "Made-up centre")
            inner = httpx.ASGITransport(app=served.app)
            given: list[str] = []

            class Slow(httpx.AsyncBaseTransport):
                async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                    if request.method == "PUT" and len(given) < 2:
                        served.clock.now += 80
                    if request.url.path == "/v1/nonce":
                        given.append("nonce")
                    return await inner.handle_async_request(request)

            desk = CentreClient(f"https://{HOST}", key, transport=Slow())
            await desk.put_desks([DeskAccess(key.public, True, (BOX,))])
            assert len(given) == 2

    run(body())


def test_only_the_first_of_some_requests_asks_for_a_nonce(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            key = SigningKey.generate()
            await register_centre(served.database, secrets.token_bytes(16), key.public, "Made-up centre")
            inner = httpx.ASGITransport(app=served.app)
            calls: list[str] = []
            seconds = [0.0]

            class Counted(httpx.AsyncBaseTransport):
                async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                    answer = await inner.handle_async_request(request)
                    calls.append(f"{request.url.path.split('/')[2]} {answer.status_code}")
                    return answer

            desk = CentreClient(f"https://{HOST}", key, transport=Counted(), monotonic=lambda: seconds[0])
            await desk.put_desks([DeskAccess(key.public, True, (BOX,))])
            for _ in range(3):
                await desk.box(BOX)
            with pytest.raises(RelayRefused, match=Refusal.NOT_FOUND):
                await desk.box("cd" * 16)
            await desk.box(BOX)
            assert calls == ["nonce 200", "desks 200", *["box 200"] * 3, "box 404", "box 200"]

            calls.clear()
            seconds[0] += 50  # the one that was brought may be too old when it arrives
            await desk.box(BOX)
            assert calls == ["nonce 200", "box 200"]

            calls.clear()
            served.clock.now += 80  # or the clocks do not run alike
            await desk.box(BOX)
            assert calls == ["box 401", "nonce 200", "box 200"]

            calls.clear()
            await asyncio.gather(*(desk.box(BOX) for _ in range(3)))
            assert sorted(calls) == ["box 200"] * 3 + ["nonce 200"] * 2, "none is used twice"

    run(body())


def test_a_desk_leaves_a_busy_relay_alone_for_as_long_as_it_asks() -> None:
    asked: list[str] = []
    seconds = [0.0]

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(429, json={"error": "slow_down"}, headers={"Retry-After": "30"})

    async def body() -> None:
        desk = CentreClient(
            f"https://{HOST}",
            SigningKey.generate(),
            transport=httpx.MockTransport(busy),
            monotonic=lambda: seconds[0],
        )
        for now, requests in ((0, 1), (29, 1), (31, 2)):
            seconds[0] = now
            with pytest.raises(RelayRefused) as caught:
                await desk.box(BOX)
            assert caught.value.reason == Refusal.BUSY
            assert len(asked) == requests

    run(body())

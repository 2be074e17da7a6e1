"""What an outsider, another centre, or a thief of the database gets: nothing."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import Connection

from sync.relay import streams
from sync.relay.app import ROUTES
from sync.relay.limits import RateLimiter, address_prefix, token_hash
from tests.relay.harness import START, Desk, FakeClock, Relay, b64, envelope, relay, run


def _error(answer: httpx.Response, status: int) -> None:
    words = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
    assert (answer.status_code, answer.json()) == (status, {"error": words[status]})


def test_a_foreign_box_and_an_unknown_box_give_the_same_answer(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            mine, foreign = await r.centre(), await r.centre()
            (token,) = await foreign.tokens(1)
            item_id = (await r.drop(foreign.box, token, envelope())).json()["id"]
            for path in ("/v1/box/{}", "/v1/item/{}"):
                known = foreign.box if "box" in path else item_id
                a = await mine.desk.send("GET", path.format(known))
                b = await mine.desk.send("GET", path.format(secrets.token_hex(16)))
                c = await mine.desk.send("GET", path.format("not-an-id"))
                _error(a, 404)
                assert a.content == b.content == c.content
                for answer in (a, b, c):
                    del answer.headers["replay-nonce"]  # another one each time
                assert a.headers == b.headers == c.headers
            cursor = {"cursor": item_id}
            _error(await mine.desk.send("POST", f"/v1/box/{foreign.box}/cursor", json=cursor), 404)
            # A token opens only boxes of its own centre, and says no more than an unknown token does.
            (own,) = await mine.tokens(1)
            a = await r.drop(foreign.box, own, envelope())
            b = await r.drop(secrets.token_hex(16), own, envelope())
            c = await r.drop(mine.box, secrets.token_bytes(32), envelope())
            _error(a, 403)
            assert a.content == b.content == c.content
            assert a.headers == b.headers == c.headers
            assert (await r.drop(mine.box, own, envelope())).status_code == 201

    run(scenario())


def test_a_signature_holds_for_one_request_only(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            desk, body = centre.desk, json.dumps({"drop": [secrets.token_hex(32)]}).encode()

            async def tokens(headers: dict[str, str], method: str = "POST", path: str = "/v1/tokens") -> Any:
                return await r.client.request(method, path, content=body, headers=headers)

            good = desk.header("POST", "/v1/tokens", body, await desk.nonce())
            assert (await tokens(good)).status_code == 200
            _error(await tokens(good), 401)  # replayed
            for method, target, signed, host in (
                ("POST", "/v1/tokens", body, "other.example.invalid"),
                ("POST", "/v1/tokens", body + b" ", None),
                ("POST", "/v1/desks", body, None),
                ("POST", "/v1/tokens?x=1", body, None),
                ("PUT", "/v1/tokens", body, None),
            ):
                headers = desk.header(method, target, signed, await desk.nonce(), host)
                _error(await tokens(headers), 401)
            stranger = Desk(r.client)
            headers = stranger.header("POST", "/v1/tokens", body, await stranger.nonce())
            _error(await tokens(headers), 401)

    run(scenario())


def test_a_request_for_another_relay_is_refused_even_with_that_relays_host_header(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            host = "other.example.invalid"
            target = f"/v1/box/{centre.box}"
            headers = centre.desk.header("GET", target, b"", await centre.desk.nonce(), host)
            _error(await r.client.get(target, headers=headers | {"Host": host}), 401)

    run(scenario())


def test_nonces_expire_are_ours_and_survive_neither_change_nor_restart_twice(database: str) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        async with relay(database, clock) as r:
            centre = await r.centre()
            target = f"/v1/box/{centre.box}"

            async def get(nonce: str, client: httpx.AsyncClient) -> int:
                headers = centre.desk.header("GET", target, b"", nonce)
                return (await client.get(target, headers=headers)).status_code

            nonce = await centre.desk.nonce()
            clock.now += 59
            assert await get(nonce, r.client) == 200
            late = await centre.desk.nonce()
            clock.now += 71
            assert await get(late, r.client) == 401
            assert await get(b64(secrets.token_bytes(48)), r.client) == 401
            kept = await centre.desk.nonce()
            used = await centre.desk.nonce()
            assert await get(used, r.client) == 200
        async with relay(database, clock) as r:
            # Another process of the same relay knows what this one gave out, and what was used.
            assert await get(kept, r.client) == 200
            assert await get(used, r.client) == 401

    run(scenario())


def test_only_an_accepted_signature_brings_the_next_nonce(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            target = f"/v1/box/{centre.box}"
            nonce = await centre.desk.nonce()
            headers = centre.desk.header("GET", target, b"", nonce)
            for status in (200, 401):
                answer = await r.client.get(target, headers=headers)
                assert (answer.status_code, "replay-nonce" in answer.headers) == (status, status == 200)
            assert "replay-nonce" not in (await r.client.get("/v1/health")).headers
            assert "replay-nonce" not in (await r.client.get(target)).headers

    run(scenario())


def test_one_nonce_used_by_many_at_once_works_once(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            target = f"/v1/box/{centre.box}"
            headers = centre.desk.header("GET", target, b"", await centre.desk.nonce())
            answers = await asyncio.gather(*(r.client.get(target, headers=headers) for _ in range(20)))
            assert sorted(a.status_code for a in answers) == [200] + [401] * 19

    run(scenario())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Centre",
        "Centre a.b.c",
        "Centre ..",
        "Drop x",
        "Centre " + "0" * 64 + ".x." + "A" * 86,
        "Bearer x",
    ],
)
def test_malformed_credentials_are_just_unauthorized(database: str, header: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            _error(await r.client.get("/v1/box/" + "0" * 32, headers={"Authorization": header}), 401)

    run(scenario())


def test_a_plain_desk_key_may_not_replace_desks_or_directory(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            desk = Desk(r.client)
            centre.others.append((desk, []))
            assert (await centre.save_desks()).status_code == 200
            entry = {"key": desk.public.hex(), "role": "centre", "boxes": [centre.box]}
            _error(await desk.send("PUT", "/v1/desks", json={"desks": [entry]}), 403)
            _error(await desk.send("PUT", "/v1/dir/1", b"x"), 403)
            # It reads no box, so even its own centre's box does not exist for it.
            _error(await desk.send("GET", f"/v1/box/{centre.box}"), 404)

    run(scenario())


def test_a_centre_can_neither_lock_itself_out_nor_take_another_centres_key(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            mine, foreign = await r.centre(), await r.centre()
            mine.others.append((foreign.desk, []))
            _error(await mine.save_desks(), 409)
            _error(await mine.desk.send("PUT", "/v1/desks", json={"desks": []}), 409)
            entry = {"key": mine.desk.public.hex(), "role": "desk", "boxes": []}
            _error(await mine.desk.send("PUT", "/v1/desks", json={"desks": [entry]}), 409)
            assert (await mine.desk.page(mine.box)).items == []

    run(scenario())


def test_a_removed_desk_is_a_stranger_and_a_box_without_readers_takes_no_drops(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            desk, box = Desk(r.client), secrets.token_hex(16)
            centre.others.append((desk, [box]))
            await centre.save_desks()
            first, second = await centre.tokens(2)
            body = envelope()
            assert (await r.drop(box, first, body)).status_code == 201
            centre.others.clear()
            await centre.save_desks()
            _error(await desk.send("GET", f"/v1/box/{box}"), 401)
            _error(await r.drop(box, second, envelope()), 403)
            assert (await r.drop(box, first, body)).status_code == 200

    run(scenario())


ODD_JSON = (
    b"",
    b"[]",
    b"{",
    b"[" * 60_000,
    b"\xff",
    b'{"x":[]}',
    b'{"drop":"x"}',
    b'{"drop":["zz"]}',
    b'{"drop":[1]}',
    b'{"drop":null}',
    b'{"read":[1]}',
    b'{"read":[{"hash":"00","quarter":1}]}',
)


@pytest.mark.parametrize("body", ODD_JSON)
def test_odd_json_is_a_bad_request(database: str, body: bytes) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            _error(await centre.desk.send("POST", "/v1/tokens", body), 400)

    run(scenario())


def test_the_token_is_judged_before_a_byte_of_the_body_is_read(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            read = 0

            async def body() -> AsyncIterator[bytes]:
                nonlocal read
                read += 1
                yield envelope()

            wrong = {"Authorization": f"Drop {b64(secrets.token_bytes(32))}"}
            answer = await r.client.post(f"/v1/drop/{centre.box}", content=body(), headers=wrong)
            assert (answer.status_code, read) == (403, 0)
            assert answer.headers["connection"] == "close"

    run(scenario())


def test_every_answer_is_uniform_and_tells_no_time(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            answers = [
                await r.client.get("/"),
                await r.client.get("/v1/box"),
                await r.client.delete("/v1/health"),
                await r.client.get("/v1/drop/x"),
                await r.client.get("/v1/shard/16"),
                await r.client.get("/v1/dir/latest"),
                await r.client.get("/v1/health"),
            ]
            assert [a.status_code for a in answers] == [404, 404, 405, 405, 403, 401, 200]
            for answer in answers:
                assert answer.headers["cache-control"] == "no-store"
                assert not {"date", "server", "set-cookie"} & set(answer.headers)
                assert set(answer.json()) == ({"status"} if answer.status_code == 200 else {"error"})

    run(scenario())


def test_an_unexpected_error_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def scenario() -> None:
        async with relay(tmp_path / "relay.db") as r:
            centre = await r.centre()

            def broken(*_args: object) -> None:
                raise RuntimeError("secret-canary")

            monkeypatch.setattr(streams, "box_of", broken)
            answer = await centre.desk.send("GET", f"/v1/box/{centre.box}")
            assert (answer.status_code, answer.json()) == (500, {"error": "internal"})
            assert "secret-canary" not in caplog.text
            assert "RuntimeError" in caplog.text

    run(scenario())


async def _execute(served: Relay, statement: str) -> None:
    await served.services.database.write(Connection.exec_driver_sql, statement)


def test_a_failing_database_is_503_and_never_an_acknowledgement(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            first, second = await centre.tokens(2)
            body = envelope()
            await _execute(r, "ALTER TABLE item RENAME TO gone")
            answers = await asyncio.gather(r.drop(centre.box, first, body), r.drop(centre.box, second, body))
            assert [a.status_code for a in answers] == [503, 503]
            assert answers[0].headers["retry-after"] == "5"
            await _execute(r, "ALTER TABLE gone RENAME TO item")
            assert (await r.drop(centre.box, first, body)).status_code == 201

    run(scenario())


def test_a_dump_holds_only_hashes_and_no_address_and_no_fine_time(database: str) -> None:
    """Failure story 28: everything the relay stores leaks; nothing in it opens or names anything."""

    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            read = await centre.read_token(START)
            await r.drop(centre.box, token, envelope())
            await r.client.get("/v1/shard/3", headers=read)
            await centre.desk.page(centre.box)
            raw = await r.stored()
            assert token_hash(token) in raw  # the search works
            secret = read["Authorization"].removeprefix("Read ")
            for canary in (token, b64(token).encode(), token.hex().encode(), secret.encode(), b"127.0.0.1"):
                assert canary not in raw
            for table, value in await r.rows():
                assert not isinstance(value, int) or value <= 20_001, table

    run(scenario())


def test_deleted_bytes_are_gone_from_the_files(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with relay(tmp_path / "relay.db") as r:
            centre = await r.centre()
            canary = b"planted-canary-of-a-made-up-envelope"
            for size, token in zip([4096, 16384, 65536] * 3, await centre.tokens(9), strict=True):
                body = (canary * (size // len(canary) + 1))[:size]
                assert (await r.drop(centre.box, token, body)).status_code == 201
            assert (await r.stored()).count(canary) > 1000
            page = await centre.desk.page(centre.box)
            assert await centre.desk.commit(centre.box, page.items[4][0]) == 200
            assert (await r.stored()).count(canary) > 500
            assert await centre.desk.commit(centre.box, page.cursor) == 200
            assert (await r.stored()).count(canary[:16]) == 0

    run(scenario())


def test_requests_are_limited_by_address_prefix_and_the_hour_forgets(database: str) -> None:
    clock = FakeClock()
    limiter = RateLimiter(2, clock)
    assert [limiter.retry_after("203.0.113.1"), limiter.retry_after("203.0.113.200")] == [0, 0]
    assert limiter.retry_after("203.0.113.7") == 31
    assert limiter.retry_after("203.0.114.1") == 0
    clock.now += 31
    assert limiter.retry_after("203.0.113.1") == 0
    assert limiter.retry_after("203.0.113.1") > 0
    clock.now += 3600
    assert limiter.retry_after("203.0.113.1") == 0
    assert address_prefix("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert address_prefix("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert "203.0" not in repr(vars(limiter))

    async def scenario() -> None:
        async with relay(database, requests_per_minute=3) as r:
            answers = [await r.client.get("/v1/health") for _ in range(4)]
            assert [a.status_code for a in answers] == [200, 200, 200, 429]
            assert answers[3].json() == {"error": "slow_down"}
            assert int(answers[3].headers["retry-after"]) >= 1

    run(scenario())


def test_nothing_can_be_read_without_a_credential_and_no_id_leads_to_another(database: str) -> None:
    """Failure story 28: an open bucket, and names that could be counted through."""

    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            tokens = await centre.tokens(40)
            ids = [(await r.drop(centre.box, token, envelope())).json()["id"] for token in tokens]
            enrolment = secrets.token_hex(16)
            await centre.desk.send("POST", f"/v1/enrol/{enrolment}/open")
            await centre.desk.send("PUT", "/v1/dir/1", b"made-up directory")
            names = {"box": centre.box, "id": ids[0], "s": "0", "v": "latest", "dir": "up"}
            open_to_all = {"/v1/health", "/v1/enrol/{id}/{dir}"}
            for route in ROUTES:
                if "GET" in (route.methods or ()) and route.path not in open_to_all:
                    for method in ("GET", "HEAD"):
                        answer = await r.client.request(method, route.path.format(**names))
                        assert answer.status_code in (401, 403), route.path
                        assert len(answer.content) < 40
            # The one mailbox without a credential is behind 128 random bits, and empty to who does not have them.
            assert (await r.client.get(f"/v1/enrol/{ids[0]}/up")).status_code == 404

            numbers = sorted(int(item_id, 16) for item_id in ids)
            gaps = [second - first for first, second in pairwise(numbers)]
            assert len(set(gaps)) == len(gaps)
            assert min(gaps) > 2**64  # 40 random numbers of 128 bits: a smaller gap once in 10^16 runs
            for near in (1, -1):
                neighbour = f"{(numbers[0] + near) % 2**128:032x}"
                assert (await centre.desk.send("GET", f"/v1/item/{neighbour}")).status_code == 404

    run(scenario())

"""What a centre may have stored: refused with a word of its own, token unspent, and counted exactly."""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from sync.relay.quotas import FULL_RETRY_SECONDS, Quota
from sync.relay.schema import item, stream
from tests.relay.harness import Relay, b64, envelope, relay, run


def counted(connection: Connection) -> tuple[int, int]:
    row = connection.execute(select(func.sum(stream.c.stored_items), func.sum(stream.c.stored_bytes))).one()
    return int(row[0]), int(row[1])


def there(connection: Connection) -> tuple[int, int]:
    bodies = item.c.body.is_not(None)
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(item.c.body)), 0)).where(bodies)
    ).one()
    return int(row[0]), int(row[1])


async def assert_exact_count(r: Relay) -> None:
    assert await r.services.database.read(counted) == await r.services.database.read(there)


def test_a_full_centre_is_told_so_and_the_same_drop_goes_when_there_is_room_again(database: str) -> None:
    async def scenario() -> None:
        async with relay(database, quota=Quota(3, 10**9)) as r:
            centre, other = await r.centre(), await r.centre()
            tokens = await centre.tokens(4)
            bodies = [envelope() for _ in tokens]
            answers = await asyncio.gather(
                *(r.drop(centre.box, *pair) for pair in zip(tokens, bodies, strict=True))
            )
            assert sorted(a.status_code for a in answers) == [201, 201, 201, 507]
            (refused,) = (index for index, a in enumerate(answers) if a.status_code == 507)
            assert answers[refused].json() == {"error": "full"}
            assert answers[refused].headers["retry-after"] == str(FULL_RETRY_SECONDS)
            # What is stored already is still acknowledged, and another centre has its own quota.
            stored = (refused + 1) % 4
            assert (await r.drop(centre.box, tokens[stored], bodies[stored])).status_code == 200
            (token,) = await other.tokens(1)
            assert (await r.drop(other.box, token, envelope())).status_code == 201

            page = await centre.desk.page(centre.box)
            assert await centre.desk.commit(centre.box, page.cursor) == 200
            await assert_exact_count(r)
            assert (await r.drop(centre.box, tokens[refused], bodies[refused])).status_code == 201
            assert (await centre.desk.page(centre.box)).bodies == [bodies[refused]]

    run(scenario())


def test_a_full_centre_is_told_before_its_body_is_read(database: str) -> None:
    async def scenario() -> None:
        async with relay(database, quota=Quota(1, 10**9)) as r:
            centre = await r.centre()
            tokens = await centre.tokens(2)
            assert (await r.drop(centre.box, tokens[0], envelope())).status_code == 201
            sent: list[bytes] = []

            async def body() -> AsyncIterator[bytes]:
                sent.append(envelope())
                yield sent[0]

            headers = {"Authorization": f"Drop {b64(tokens[1])}"}
            answer = await r.client.post(f"/v1/drop/{centre.box}", content=body(), headers=headers)
            assert (answer.status_code, sent) == (507, [])
            assert answer.headers["retry-after"] == str(FULL_RETRY_SECONDS)

    run(scenario())


def test_bytes_count_too_and_drops_do_not_use_up_the_room_for_receipts(database: str) -> None:
    async def scenario() -> None:
        async with relay(database, quota=Quota(100, 20_000)) as r:
            centre = await r.centre()
            tokens = await centre.tokens(3)
            assert (await r.drop(centre.box, tokens[0], envelope(16384))).status_code == 201
            assert (await r.drop(centre.box, tokens[1], envelope(4096))).status_code == 507
            assert (await centre.desk.send("POST", "/v1/shard/3", envelope(16384))).status_code == 201
            full = await centre.desk.send("POST", "/v1/shard/4", envelope(4096))
            assert (full.status_code, full.json()) == (507, {"error": "full"})
            await assert_exact_count(r)

    run(scenario())


def test_the_count_stays_exact_through_reading_age_and_repeats(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            for size in (4096, 16384, 65536):
                (token,) = await centre.tokens(1)
                body = envelope(size)
                for _ in range(2):
                    await r.drop(centre.box, token, body)
                await centre.desk.send("POST", f"/v1/shard/{size % 7}", envelope(size))
            await assert_exact_count(r)
            page = await centre.desk.page(centre.box, limit=2)
            await centre.desk.commit(centre.box, page.cursor)
            await assert_exact_count(r)
            assert (await r.services.database.read(counted))[0] == 4
            r.clock.pass_days(46)
            await r.services.maintenance.purge()
            assert await r.services.database.read(counted) == (0, 0)

    run(scenario())

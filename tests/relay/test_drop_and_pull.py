"""From a device's drop to a desk's page: tokens, repeats, order, cursors, deletion."""

import asyncio
import secrets
from pathlib import Path

import pytest

from sync.relay import streams
from sync.relay.limits import token_hash
from tests.relay.harness import Centre, Desk, FakeClock, envelope, relay, run


@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_a_drop_reaches_the_desk_byte_for_byte(database: str, size: int) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            body = envelope(size)
            answer = await r.drop(centre.box, token, body)
            assert answer.status_code == 201
            page = await centre.desk.page(centre.box)
            assert page.items == [(answer.json()["id"], 20_000, body)]
            item = await centre.desk.send("GET", f"/v1/item/{answer.json()['id']}")
            assert item.content == body

    run(scenario())


def test_a_repeat_gets_the_same_id_and_stores_nothing(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            body = envelope()
            first = await r.drop(centre.box, token, body)
            again = await r.drop(centre.box, token, body)
            assert (first.status_code, again.status_code) == (201, 200)
            assert first.json() == again.json()
            assert (await r.drop(centre.box, token, envelope())).status_code == 409
            assert len((await centre.desk.page(centre.box)).items) == 1

    run(scenario())


def test_a_repeat_is_recognised_after_restart_deletion_and_45_days(database: str) -> None:
    async def scenario() -> None:
        clock, body = FakeClock(), envelope()
        async with relay(database, clock) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            first = (await r.drop(centre.box, token, body)).json()
            page = await centre.desk.page(centre.box)
            assert await centre.desk.commit(centre.box, page.cursor) == 200
        clock.pass_days(45)
        async with relay(database, clock) as r:
            await r.services.maintenance.purge()
            again = await r.drop(centre.box, token, body)
            assert (again.status_code, again.json()) == (200, first)
            clock.pass_days(2)
            await r.services.maintenance.purge()
            assert (await r.drop(centre.box, token, body)).status_code == 403

    run(scenario())


def test_unknown_tokens_and_wrong_sizes_store_nothing(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            assert (await r.drop(centre.box, secrets.token_bytes(32), envelope())).status_code == 403
            for size in (0, 1, 4095, 4097, 16383, 65535):
                assert (await r.drop(centre.box, token, bytes(size))).status_code == 400
            assert (await r.drop(centre.box, token, bytes(65537))).status_code == 413
            assert (await centre.desk.page(centre.box)).items == []
            assert (await r.drop(centre.box, token, envelope())).status_code == 201

    run(scenario())


def test_two_hundred_concurrent_drops_with_duplicates_store_each_token_once(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            bodies = {token: envelope() for token in await centre.tokens(100)}
            answers = await asyncio.gather(
                *(r.drop(centre.box, token, body) for token, body in [*bodies.items(), *bodies.items()])
            )
            assert sorted(a.status_code for a in answers) == [200] * 100 + [201] * 100
            assert [a.json()["id"] for a in answers[:100]] == [a.json()["id"] for a in answers[100:]]
            stored = (await centre.desk.page(centre.box)).bodies
            assert sorted(stored) == sorted(bodies.values())

    run(scenario())


def test_pages_follow_each_other_without_gap_or_overlap_while_drops_come_in(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            bodies = {token: envelope() for token in await centre.tokens(150)}
            seen: list[bytes] = []

            async def push() -> None:
                tokens = list(bodies)
                for start in range(0, 150, 15):
                    part = tokens[start : start + 15]
                    await asyncio.gather(*(r.drop(centre.box, token, bodies[token]) for token in part))

            pushing, cursor = asyncio.create_task(push()), ""
            while True:
                finished = pushing.done()
                page = await centre.desk.page(centre.box, cursor, limit=7)
                seen += page.bodies
                cursor = page.cursor
                if finished and not page.items:
                    break
            await pushing
            assert len(seen) == 150
            assert sorted(seen) == sorted(bodies.values())

    run(scenario())


def test_a_page_of_large_items_ends_before_four_mebibytes_and_says_more(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            for token in await centre.tokens(70):
                assert (await r.drop(centre.box, token, envelope(65536))).status_code == 201
            first = await centre.desk.page(centre.box)
            assert (len(first.items), first.more) == (64, True)
            rest = await centre.desk.page(centre.box, first.cursor)
            assert (len(rest.items), rest.more) == (6, False)
            assert (await centre.desk.page(centre.box, rest.cursor)).cursor == rest.cursor

    run(scenario())


async def _second_desk(centre: Centre) -> Desk:
    other = Desk(centre.desk.client)
    centre.others.append((other, [centre.box]))
    assert (await centre.save_desks()).status_code == 200
    return other


def test_an_item_goes_when_every_desk_has_passed_it_and_not_before(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            other = await _second_desk(centre)
            ids = []
            for token in await centre.tokens(3):
                ids.append((await r.drop(centre.box, token, envelope())).json()["id"])
            assert await centre.desk.commit(centre.box, ids[2]) == 200
            assert len((await other.page(centre.box)).items) == 3
            assert await other.commit(centre.box, ids[1]) == 200
            assert [item[0] for item in (await centre.desk.page(centre.box)).items] == [ids[2]]
            assert (await centre.desk.send("GET", f"/v1/item/{ids[0]}")).status_code == 404
            # A cursor keeps its place although its item is gone.
            assert [item[0] for item in (await other.page(centre.box, ids[1])).items] == [ids[2]]

    run(scenario())


def test_a_cursor_moves_only_forward_and_only_to_items_of_its_box(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre, foreign = await r.centre(), await r.centre()
            await _second_desk(centre)
            ids = []
            for token in await centre.tokens(2):
                ids.append((await r.drop(centre.box, token, envelope())).json()["id"])
            (token,) = await foreign.tokens(1)
            elsewhere = (await r.drop(foreign.box, token, envelope())).json()["id"]
            assert await centre.desk.commit(centre.box, ids[1]) == 200
            assert await centre.desk.commit(centre.box, ids[1]) == 200
            assert await centre.desk.commit(centre.box, ids[0]) == 409
            assert await centre.desk.commit(centre.box, elsewhere) == 410
            assert await centre.desk.commit(centre.box, secrets.token_hex(16)) == 410
            answer = await centre.desk.send("GET", f"/v1/box/{centre.box}?after={elsewhere}")
            assert answer.status_code == 410

    run(scenario())


def test_everything_goes_after_45_days_but_a_quiet_box_keeps_its_cursor(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            ids = []
            first, second, third = await centre.tokens(3)
            for token in (first, second):
                ids.append((await r.drop(centre.box, token, envelope())).json()["id"])
            r.clock.pass_days(45)
            await r.services.maintenance.purge()
            assert len((await centre.desk.page(centre.box)).items) == 2
            r.clock.pass_days(1)
            await r.services.maintenance.purge()
            assert (await centre.desk.page(centre.box)).items == []
            body = envelope()
            await r.drop(centre.box, third, body)
            assert (await centre.desk.page(centre.box, ids[1])).bodies == [body]
            answer = await centre.desk.send("GET", f"/v1/box/{centre.box}?after={ids[0]}")
            assert answer.status_code == 410

    run(scenario())


def test_a_crash_between_cursor_and_deletion_loses_nothing_and_is_made_good(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            other = await _second_desk(centre)
            (token,) = await centre.tokens(1)
            body = envelope()
            cursor = (await r.drop(centre.box, token, body)).json()["id"]
            stream_id = await r.services.database.read(streams.box_of, centre.desk.public, centre.box_bytes)
            assert stream_id is not None
            await r.services.database.write(
                streams.move_cursor, centre.desk.public, stream_id, bytes.fromhex(cursor)
            )
        async with relay(database) as r:
            centre.desk.client = other.client = r.client
            assert (await other.page(centre.box)).bodies == [body]
            await r.services.database.write(
                streams.move_cursor, other.public, stream_id, bytes.fromhex(cursor)
            )
        async with relay(database) as r:
            other.client = r.client
            await r.services.maintenance.purge()
            assert (await other.page(centre.box)).items == []

    run(scenario())


def test_a_relay_restored_from_an_old_backup_tells_desks_to_start_again(tmp_path: Path) -> None:
    """Failure story 22: items that come after the restore must not hide behind a cursor from before."""

    async def scenario() -> None:
        old, bodies = tmp_path / "backup.db", [envelope() for _ in range(4)]
        async with relay(tmp_path / "relay.db") as r:
            centre = await r.centre()
            tokens = await centre.tokens(4)
            await r.drop(centre.box, tokens[0], bodies[0])
        old.write_bytes((tmp_path / "relay.db").read_bytes())
        async with relay(tmp_path / "relay.db") as r:
            centre.desk.client = r.client
            await r.drop(centre.box, tokens[1], bodies[1])
            lost = (await centre.desk.page(centre.box)).cursor
        async with relay(old) as r:
            centre.desk.client = r.client
            # Other items take the positions of the lost one; the device offers the lost one again.
            for token, body in zip(tokens[2:] + tokens[1:2], bodies[2:] + bodies[1:2], strict=True):
                assert (await r.drop(centre.box, token, body)).status_code == 201
            answer = await centre.desk.send("GET", f"/v1/box/{centre.box}?after={lost}")
            assert answer.status_code == 410
            page = await centre.desk.page(centre.box)
            assert sorted(page.bodies) == sorted(bodies)

    run(scenario())


def test_withdrawn_tokens_are_refused_and_used_ones_stay_known(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre, foreign = await r.centre(), await r.centre()
            used, unused = await centre.tokens(2)
            body = envelope()
            await r.drop(centre.box, used, body)
            hashes = [token_hash(token).hex() for token in (used, unused)]
            await foreign.desk.send("POST", "/v1/tokens", json={"withdraw": hashes})
            assert (await r.drop(centre.box, used, body)).status_code == 200
            await centre.desk.send("POST", "/v1/tokens", json={"withdraw": hashes})
            assert (await r.drop(centre.box, used, body)).status_code == 200
            assert (await r.drop(centre.box, unused, envelope())).status_code == 403

    run(scenario())

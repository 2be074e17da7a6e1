"""Failure story 22: the relay's database is restored from an older copy; whoever lost something gets to know."""

import asyncio
import secrets
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from sync.relay.__main__ import main
from tests.relay.conftest import Copies
from tests.relay.harness import START, Centre, FakeClock, Relay, envelope, parse_page, relay, run


@dataclass
class Reading:
    """A desk at its box and a device at its shard, each with the cursor it has."""

    centre: Centre
    headers: dict[str, str]
    box_cursor: str = ""
    shard_cursor: str = ""

    async def box(self, r: Relay) -> tuple[int, list[bytes]]:
        self.centre.desk.client = r.client
        query = f"?after={self.box_cursor}" if self.box_cursor else ""
        answer = await self.centre.desk.send("GET", f"/v1/box/{self.centre.box}{query}")
        if answer.status_code != 200:
            return answer.status_code, []
        page = parse_page(answer.content)
        self.box_cursor = page.cursor
        return 200, page.bodies

    async def shard(self, r: Relay) -> tuple[int, list[bytes]]:
        query = f"?after={self.shard_cursor}" if self.shard_cursor else ""
        answer = await r.client.get(f"/v1/shard/3{query}", headers=self.headers)
        if answer.status_code != 200:
            return answer.status_code, []
        page = parse_page(answer.content)
        self.shard_cursor = page.cursor
        return 200, page.bodies


async def reading(r: Relay) -> tuple[Reading, list[bytes], list[bytes]]:
    """A centre whose desk and device have read one envelope each, and three tokens."""
    centre = await r.centre()
    made = Reading(centre, await centre.read_token(START))
    tokens, bodies = await centre.tokens(3), [envelope() for _ in range(3)]
    assert (await r.drop(centre.box, tokens[0], bodies[0])).status_code == 201
    assert (await centre.desk.send("POST", "/v1/shard/3", envelope())).status_code == 201
    assert (await made.box(r))[0] == (await made.shard(r))[0] == 200
    return made, tokens, bodies


def test_a_desk_that_read_more_than_the_copy_has_makes_all_of_its_centre_begin_again(copies: Copies) -> None:
    async def scenario() -> None:
        async with relay(copies.database) as r:
            lost, tokens, bodies = await reading(r)
            other, _, _ = await reading(r)
        copy = copies.copy()
        async with relay(copies.database) as r:
            await r.drop(lost.centre.box, tokens[1], bodies[1])
            assert await lost.box(r) == (200, [bodies[1]])
        async with relay(copy) as r:
            moved = "://" in copy  # PostgreSQL notices by itself, for all centres
            if not moved:
                assert await lost.shard(r) == (
                    200,
                    [],
                )  # nothing of the device's was lost, and it cannot know
            assert await lost.box(r) == (410, [])
            assert await lost.shard(r) == (410, [])
            assert moved or [await other.box(r), await other.shard(r)] == [(200, []), (200, [])]
            lost.box_cursor = lost.shard_cursor = ""
            # The same token stores what was lost, and knows what was not.
            assert (await r.drop(lost.centre.box, tokens[0], bodies[0])).status_code == 200
            assert (await r.drop(lost.centre.box, tokens[1], bodies[1])).status_code == 201
            assert await lost.box(r) == (200, bodies[:2])
            assert len((await lost.shard(r))[1]) == 1
            assert await lost.centre.desk.commit(lost.centre.box, lost.box_cursor) == 200
            assert [await lost.box(r), await lost.shard(r)] == [(200, []), (200, [])]

    run(scenario())


def test_desks_that_do_not_know_each_other_ask_for_a_new_beginning_only_once_a_day(copies: Copies) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        async with relay(copies.database, clock) as r:
            desk, _, _ = await reading(r)
            for day, expected in ((0, 410), (0, 200), (1, 410)):
                clock.pass_days(day)
                stranger = Reading(desk.centre, desk.headers, box_cursor=secrets.token_hex(16))
                assert (await stranger.box(r))[0] == 410
                status, _ = await desk.shard(r)
                assert status == expected
                if status == 410:
                    desk.shard_cursor = ""
                    await desk.shard(r)

    run(scenario())


def test_a_device_with_an_old_cursor_disturbs_nobody(copies: Copies) -> None:
    async def scenario() -> None:
        async with relay(copies.database) as r:
            known, _, _ = await reading(r)
            away = Reading(known.centre, known.headers, shard_cursor=secrets.token_hex(16))
            assert (await away.shard(r))[0] == 410
            assert [await known.box(r), await known.shard(r)] == [(200, []), (200, [])]

    run(scenario())


def test_the_operator_can_say_that_it_was_restored(copies: Copies) -> None:
    async def scenario() -> None:
        async with relay(copies.database) as r:
            known, tokens, bodies = await reading(r)
        for _ in range(2):
            # In a thread: the command runs its own loop.
            result = await asyncio.to_thread(
                CliRunner().invoke, main, ["restored", "--database", copies.database]
            )
            assert (result.exit_code, result.output) == (0, "the clients of 1 centres will begin again\n")
        async with relay(copies.database) as r:
            assert [await known.box(r), await known.shard(r)] == [(410, []), (410, [])]
            known.box_cursor = known.shard_cursor = ""
            assert (await r.drop(known.centre.box, tokens[0], bodies[0])).status_code == 200
            assert await known.box(r) == (200, bodies[:1])
            assert (await known.shard(r))[0] == 200

    run(scenario())


def test_postgresql_that_stands_elsewhere_is_noticed_without_anybody(
    copies: Copies, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with relay(copies.database) as r:
            known, _, _ = await reading(r)
            for _ in range(2):
                await r.services.maintenance.purge()
            assert [await known.box(r), await known.shard(r)] == [(200, []), (200, [])]
        copy = copies.copy()
        moved = "://" in copy
        async with relay(copy) as r:
            await r.services.maintenance.purge()
            assert ("restored" in caplog.text) is moved
            expected = 410 if moved else 200
            assert [(await known.box(r))[0], (await known.shard(r))[0]] == [expected] * 2
            known.box_cursor = known.shard_cursor = ""
            await known.box(r)
            await r.services.maintenance.purge()
            assert (await known.box(r))[0] == 200

    run(scenario())


def test_after_a_restore_an_item_still_has_one_id_everywhere(copies: Copies) -> None:
    async def scenario() -> None:
        async with relay(copies.database) as r:
            known, tokens, bodies = await reading(r)
            stranger = Reading(known.centre, known.headers, box_cursor=secrets.token_hex(16))
            assert (await stranger.box(r))[0] == 410
            stored = await r.drop(known.centre.box, tokens[1], bodies[1])
            again = await r.drop(known.centre.box, tokens[1], bodies[1])
            assert (stored.status_code, again.status_code) == (201, 200)
            item_id = (await known.centre.desk.page(known.centre.box)).items[1][0]
            assert stored.json() == again.json() == {"id": item_id}
            assert (await known.centre.desk.send("GET", f"/v1/item/{item_id}")).content == bodies[1]
            posted = await known.centre.desk.send("POST", "/v1/shard/3", bodies[2])
            known.shard_cursor = posted.json()["id"]
            assert await known.shard(r) == (200, [])

    run(scenario())

"""Directory versions, enrolment mailboxes, shards and read tokens."""

import asyncio

from sync.protocol import QUARTER
from tests.relay.harness import START, FakeClock, envelope, parse_page, relay, run


def test_a_directory_version_is_written_once_and_versions_rise(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            put = [
                (await centre.desk.send("PUT", f"/v1/dir/{version}", body)).status_code
                for version, body in ((1, b"one"), (1, b"one"), (1, b"other"), (3, b"three"), (2, b"two"))
            ]
            assert put == [201, 200, 409, 201, 409]
            latest = await centre.desk.send("GET", "/v1/dir/latest")
            assert (latest.content, latest.headers["etag"]) == (b"three", '"3"')
            assert (await centre.desk.send("GET", "/v1/dir/1")).content == b"one"
            for version in ("2", "0", "01", "-1", "x", "9" * 30):
                assert (await centre.desk.send("GET", f"/v1/dir/{version}")).status_code == 404
            for version in ("0", "01", "x", "9" * 30):
                assert (await centre.desk.send("PUT", f"/v1/dir/{version}", b"x")).status_code == 400
            assert (await centre.desk.send("PUT", "/v1/dir/4", bytes(2**20))).status_code == 201
            assert (await centre.desk.send("PUT", "/v1/dir/5", bytes(2**20 + 1))).status_code == 413
            assert (await centre.desk.send("PUT", "/v1/dir/5", b"")).status_code == 400

    run(scenario())


def test_centres_have_their_own_directories_and_shards(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            mine, foreign = await r.centre(), await r.centre()
            await mine.desk.send("PUT", "/v1/dir/1", b"mine")
            await mine.desk.send("POST", "/v1/shard/5", envelope())
            read = await foreign.read_token(START)
            assert (await r.client.get("/v1/dir/1", headers=read)).status_code == 404
            page = parse_page((await r.client.get("/v1/shard/5", headers=read)).content)
            assert (page.items, page.more, page.cursor) == ([], False, "0" * 32)

    run(scenario())


def test_a_device_reads_its_whole_shard_and_goes_on_from_its_cursor(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            read = await centre.read_token(START)
            bodies = [envelope(4096), envelope(16384), envelope(65536)]
            for body in bodies:
                assert (await centre.desk.send("POST", "/v1/shard/0", body)).status_code == 201
            page = parse_page((await r.client.get("/v1/shard/0", headers=read)).content)
            assert page.bodies == bodies
            await centre.desk.send("POST", "/v1/shard/0", bodies[0])
            after = f"/v1/shard/0?after={page.cursor}"
            assert parse_page((await r.client.get(after, headers=read)).content).bodies == bodies[:1]
            zeros = f"/v1/shard/0?after={'0' * 32}"
            assert len(parse_page((await r.client.get(zeros, headers=read)).content).items) == 4
            assert (await r.client.get("/v1/shard/0?after=x", headers=read)).status_code == 400
            assert (await centre.desk.send("POST", "/v1/shard/16", bodies[0])).status_code == 404
            assert (await centre.desk.send("POST", "/v1/shard/0", bytes(100))).status_code == 400

    run(scenario())


def test_shard_items_live_45_days_whatever_the_desks_do(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            await centre.desk.send("POST", "/v1/shard/7", envelope())
            for days, left in ((45, 1), (1, 0)):
                r.clock.pass_days(days)
                await r.services.maintenance.purge()
                read = await centre.read_token(r.clock())
                page = parse_page((await r.client.get("/v1/shard/7", headers=read)).content)
                assert len(page.items) == left

    run(scenario())


def test_a_read_token_opens_shards_for_one_quarter_and_the_directory_for_four(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            await centre.desk.send("PUT", "/v1/dir/1", b"directory")
            early = await centre.read_token(START + QUARTER)
            assert (await r.client.get("/v1/shard/1", headers=early)).status_code == 403
            assert (await r.client.get("/v1/dir/1", headers=early)).status_code == 403
            seen = []
            for _ in range(6):
                r.clock.now += QUARTER
                await r.services.maintenance.purge()
                shard = await r.client.get("/v1/shard/1", headers=early)
                directory = await r.client.get("/v1/dir/latest", headers=early)
                seen.append((shard.status_code, directory.status_code))
            assert seen == [(200, 200)] + [(403, 200)] * 3 + [(403, 403)] * 2

    run(scenario())


def test_enrolment_mailboxes_are_written_once_within_15_minutes_of_a_signed_opening(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre, foreign = await r.centre(), await r.centre()
            path, hello, answer = "/v1/enrol/" + "ab" * 16, bytes(16384), b"x" * 16384
            assert (await r.client.post(path + "/up", content=hello)).status_code == 404
            assert (await r.client.post(path + "/open")).status_code == 401
            assert (await centre.desk.send("POST", path + "/open")).status_code == 201
            assert (await centre.desk.send("POST", path + "/open")).status_code == 200
            assert (await foreign.desk.send("POST", path + "/open")).status_code == 409
            assert (await r.client.get(path + "/up")).status_code == 404
            for size in (0, 16383):
                assert (await r.client.post(path + "/up", content=bytes(size))).status_code == 400
            assert (await r.client.post(path + "/up", content=bytes(16385))).status_code == 413
            posted = [await r.client.post(path + "/up", content=body) for body in (hello, hello, answer)]
            assert [p.status_code for p in posted] == [201, 200, 409]
            assert (await r.client.post(path + "/down", content=answer)).status_code == 201
            assert (await r.client.get(path + "/up")).content == hello
            assert (await r.client.get(path + "/down")).content == answer
            assert (await r.client.get(path + "/open")).status_code == 404
            r.clock.now += 14 * 60
            assert (await r.client.get(path + "/down")).status_code == 200
            r.clock.now += 2 * 60
            assert (await r.client.get(path + "/down")).status_code == 404
            assert (await r.client.post(path + "/down", content=answer)).status_code == 404
            assert answer[:100] in await r.stored()
            await r.services.maintenance.purge()
            assert answer[:100] not in await r.stored()

    run(scenario())


def test_a_mailbox_written_by_many_at_once_keeps_one_message(database: str) -> None:
    async def scenario() -> None:
        async with relay(database) as r:
            centre = await r.centre()
            path = "/v1/enrol/" + "cd" * 16
            await centre.desk.send("POST", path + "/open")
            bodies = [bytes([n]) * 16384 for n in range(10)]
            answers = await asyncio.gather(*(r.client.post(path + "/up", content=b) for b in bodies))
            assert sorted(a.status_code for a in answers) == [201] + [409] * 9
            winner = [a.status_code for a in answers].index(201)
            assert (await r.client.get(path + "/up")).content == bodies[winner]

    run(scenario())


def test_the_background_rounds_delete_without_being_asked(database: str) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        async with relay(database, clock, maintenance_seconds=0.05) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            body = b"made-up-canary--" * 256
            await r.drop(centre.box, token, body)
            clock.pass_days(46)
            for _ in range(200):
                await asyncio.sleep(0.05)
                if body[:16] not in await r.stored():
                    break
            assert (await centre.desk.page(centre.box)).items == []
            assert body[:16] not in await r.stored()

    run(scenario())

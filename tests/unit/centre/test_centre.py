"""Creating, publishing, unlocking a centre; enrolling its devices."""

from pathlib import Path

import httpx
import pytest

from fieldapp.services.custody import KEY_RECORD_KIND
from fieldapp.services.desk.centre import create_centre, open_centre
from fieldapp.services.desk.ceremony import CentrePlan
from fieldapp.services.desk.devices import DeviceState, EnrolmentNotReady, EnrolmentState
from fieldapp.services.network import Network
from fieldapp.services.settings import Work
from fieldapp.vault import FLOOR, NoKeystore, UnlockDelayed, VaultExists, WrongPassphrase, unlock
from sync import enrolment as protocol
from sync.client import CentreClient, quarter_of
from sync.code import EnrolmentCode
from sync.errors import EnrolmentFailed, RelayUnreachable
from sync.fields import Fields
from sync.keys import week_of
from sync.primitives import SigningKey
from sync.protocol import ENROLMENT_SIZE, PREKEY_WEEKS_AHEAD, QUARTER, WEEK
from sync.relay.app import register_centre
from sync.trust import TrustedState, update
from tests.relay.harness import HOST, FakeClock, relay, run
from tests.unit.centre.desk import (
    NOW,
    PASSPHRASE,
    DeskClock,
    Device,
    Switch,
    World,
    founded,
    in_world,
    screening,
    seal_record,
)

CANARY = b"Canary"


def test_a_centre_can_be_made_offline_and_publishes_itself_later(tmp_path: Path) -> None:
    async def body() -> None:
        clock = FakeClock(NOW)
        async with relay(tmp_path / "relay.db", clock) as served:
            network = Switch(served.app)
            network.off()
            centre, _ = await create_centre(
                tmp_path / "desk",
                PASSPHRASE,
                CentrePlan("Made-up centre", HOST),
                parameters=FLOOR,
                cells=1024,
                clock=DeskClock(clock),
                client=lambda url, key: CentreClient(url, key, transport=network),
            )
            await centre.receiving.once()
            assert centre.receiving.network is Network.OFFLINE
            network.on()
            await centre.receiving.once()
            assert not centre.receiving.registered
            assert not centre.publishing.done
            await register_centre(str(served.path), centre.centre_id, centre.desk_key, "Made-up centre")
            for _ in range(2):
                await centre.receiving.once()
            assert centre.receiving.registered
            assert centre.publishing.done
            desk = CentreClient(centre.relay, centre._book.identity.signing, transport=network)
            blob = await desk.published_directory()
            trust = TrustedState.pin(centre.centre_id, blob)
            assert trust.root.threshold == 1
            assert set(trust.directory.roles) == {"registrar", "intake", "police"}
            assert trust.directory.policy.intake_roles(["police"]) == ("intake",)
            await centre.lock()
            with pytest.raises(VaultExists):
                await create_centre(
                    tmp_path / "desk", PASSPHRASE, CentrePlan("Other", HOST), parameters=FLOOR
                )

    run(body())


def test_root_and_directory_keys_lie_apart_behind_seven_words() -> None:
    folder, ceremony = founded()
    assert ceremony.removable
    assert folder / "stick" in ceremony.papers[0].folder.parents
    assert len(ceremony.papers[0].words.split()) == 7
    assert ceremony.papers[0].words not in repr(ceremony)
    vault = unlock(ceremony.papers[0].folder, ceremony.papers[0].words, NoKeystore(), now=NOW)
    (record,) = vault.records(KEY_RECORD_KIND)
    seeds = Fields.parse(record.payload)
    vault.lock()
    desk = unlock(folder / "desk", PASSPHRASE, NoKeystore(), now=NOW)
    stored = b"".join(record.payload for record in desk.records())
    desk.lock()
    for name in ("root", "directory"):
        seed = seeds.binary(name, 32)
        assert seed not in stored
        assert seed.hex().encode() not in stored
        assert SigningKey.from_seed(seed).public.hex().encode() in stored


def test_a_wrong_passphrase_is_refused_and_delayed(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        await world.centre.lock()
        await world.centre.lock()
        clock = DeskClock(world.clock)
        for _ in range(5):
            with pytest.raises(WrongPassphrase):
                await open_centre(world.folder, "made up and wrong", clock=clock, client=world.desk_client)
        with pytest.raises(UnlockDelayed):
            await open_centre(world.folder, PASSPHRASE, clock=clock, client=world.desk_client)
        world.clock.pass_days(1)
        await world.restart()
        assert world.centre.name == "Made-up centre"

    in_world(tmp_path, body)


def test_nothing_that_was_recorded_is_readable_on_any_disk(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device("Made-up Phone Canary")
        sealed = seal_record(device, screening("Canary alias", identity=True))
        await device.drop(*(s.envelope for s in sealed))
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        await world.centre.inbox.open(row.key)
        await world.centre.lock()
        (tmp_path / "planted").write_bytes(b"a planted Canary")
        found = {p.name for p in tmp_path.rglob("*") if p.is_file() and CANARY in p.read_bytes()}
        assert found == {"planted"}

    in_world(tmp_path, body)


def test_the_pool_always_holds_four_batches_that_no_device_has(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        first, second = await world.device("Made-up one"), await world.device("Made-up two")
        batch = world.centre._book.trust.directory.policy.token_batch
        pool = world.centre._book.pool
        assert len(pool.drop) >= 4 * batch
        assert len(set(first.tokens) | set(second.tokens) | set(pool.drop)) == 2 * batch + len(pool.drop)
        quarter = NOW // QUARTER
        assert set(first.read_tokens) == {quarter, quarter + 1, quarter + 2}
        assert first.read_tokens == second.read_tokens

    in_world(tmp_path, body)


def test_read_tokens_are_renewed_before_the_quarters_run_out(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        quarter = NOW // QUARTER
        world.clock.pass_days(91)
        await world.centre.receiving.once()
        await device.hear()
        assert max(device.read_tokens) == quarter + 3
        world.clock.pass_days(2 * 91)
        await device.hear()

    in_world(tmp_path, body)


def test_devices_are_listed_with_what_is_known_of_them(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device("Made-up phone", "youth care")
        await world.restart()
        (row,) = world.centre.devices.rows()
        assert (row.name, row.agency, row.work, row.state) == (
            "Made-up phone",
            "youth care",
            "officer",
            DeviceState.ENROLLED,
        )
        assert (row.enrolled_at, row.last_seen, row.highest_seq, row.gaps) == (NOW, 0, 0, ())
        assert row.tokens_left == len(device.tokens)

    in_world(tmp_path, body)


def test_an_answer_that_did_not_arrive_is_given_again(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        enrolment = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
        with pytest.raises(EnrolmentNotReady):
            await world.centre.devices.confirm(enrolment)
        code, hello, device = await _hello(world, enrolment.qr_text)
        assert await world.centre.devices.poll(enrolment)
        world.network.answer = _cut_down
        with pytest.raises(RelayUnreachable):
            await world.centre.devices.confirm(enrolment)
        world.network.on()
        await world.centre.devices.confirm(enrolment)
        await world.centre.devices.confirm(enrolment)
        message = await device.client.get_enrolment(protocol.enrol_id(code), "down")
        assert message
        assert protocol.open_answer(code, hello, message).box == world.centre._book.identity.box
        assert len(world.centre.devices.rows()) == 1
        assert enrolment.state is EnrolmentState.DONE

    in_world(tmp_path, body)


def _cut_down(request: httpx.Request) -> httpx.Response | None:
    if request.url.path.endswith("/down"):
        raise httpx.ConnectError("made-up cut", request=request)
    return None


async def _hello(world: World, qr_text: str) -> tuple[EnrolmentCode, protocol.Hello, Device]:
    code = EnrolmentCode.parse(qr_text)
    device = Device(world.client(), world.clock)
    hello = protocol.Hello.make(device.signing.public, device.prekeys.current)
    await device.client.put_enrolment(protocol.enrol_id(code), "up", protocol.seal_hello(code, hello))
    return code, hello, device


def test_other_digits_an_old_code_and_a_strange_hello_enrol_nobody(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        devices = world.centre.devices
        other = await devices.begin("Made-up phone", "police", Work.OFFICER)
        await _hello(world, other.qr_text)
        assert await devices.poll(other)
        devices.cancel(other)
        with pytest.raises(EnrolmentNotReady):
            await devices.confirm(other)

        strange = await devices.begin("Made-up phone", "police", Work.OFFICER)
        meeting = protocol.enrol_id(EnrolmentCode.parse(strange.qr_text))
        await world.client().put_enrolment(meeting, "up", bytes(ENROLMENT_SIZE))
        with pytest.raises(EnrolmentFailed):
            await devices.poll(strange)

        old = await devices.begin("Made-up phone", "police", Work.OFFICER)
        world.clock.pass_days(1)
        assert not await devices.poll(old)
        assert old.state is EnrolmentState.EXPIRED
        assert devices.rows() == ()
        typed = EnrolmentCode.parse("".join(old.typed), old.relay_host)
        assert typed == EnrolmentCode.parse(old.qr_text)

    in_world(tmp_path, body)


def test_a_new_directory_reaches_devices_and_the_old_one_still_opens(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        assert device.trust
        (paper,), signing = world.ceremony.papers, world.centre.signing
        world.clock.pass_days(70)
        await signing.renew()
        with pytest.raises(WrongPassphrase):
            await signing.sign_here(paper.folder, "made up and wrong")
        await signing.sign_here(paper.folder, paper.words)
        await signing.publish()
        await world.centre.receiving.once()
        assert signing.runs_out == int(world.clock.now) + PREKEY_WEEKS_AHEAD * WEEK

        old = seal_record(device, screening("by the old one", at=int(world.clock.now)))[0]
        await device.drop(old.envelope)
        token = device.read_tokens[quarter_of(NOW)]
        device.trust = update(device.trust, await device.client.directory(token))
        assert device.trust.version == 2
        new = seal_record(device, screening("by the new one", at=int(world.clock.now)))[0]
        await device.drop(new.envelope)
        await world.restart()
        await world.centre.receiving.once()
        assert {row.alias for row in world.centre.inbox.rows().rows} == {"by the old one", "by the new one"}
        weeks = [prekey.week for prekey in device.trust.directory.roles["intake"].prekeys]
        assert weeks[-1] == week_of(int(world.clock.now)) + PREKEY_WEEKS_AHEAD

    in_world(tmp_path, body)

"""What a thief of everything cannot open any more, and who is shown a directory that the centre never published."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.records import RoleKeys
from fieldapp.services.kinds import Kind
from fieldapp.vault import NoKeystore, Vault, unlock
from sync.envelope import Reader, open_body, parse_body
from sync.errors import EnvelopeRejected
from sync.keys import HeldPrekey, week_of
from sync.primitives import BoxKeyPair
from sync.protocol import DAY, PREKEY_GRACE, PREKEY_WEEKS_AHEAD, WEEK, Reason
from tests.unit.centre.desk import NOW, PASSPHRASE, World, in_world, screening, seal_record

GONE = NOW + WEEK + PREKEY_GRACE
"""When the prekeys of the week of NOW are destroyed: less than 26 weeks after the directory was issued."""


def opens(folder: Path, envelope: bytes) -> bool:
    """Try an envelope with every private half in a copy of a desk: what a thief who knows the passphrase has."""
    vault = unlock(folder, PASSPHRASE, NoKeystore(), now=int(NOW + 400 * DAY))
    try:
        rings = [RoleKeys.from_bytes(r.payload).ring for r in vault.records(int(Kind.PREKEYS))]
    finally:
        vault.lock()
    try:
        opened = Reader([prekey for ring in rings for prekey in ring.live()]).open_header(envelope)
        return bool(parse_body(open_body(opened)))
    except EnvelopeRejected as error:
        return error.reason != Reason.NOT_FOR_US


def halves(book: DeskBook) -> list[HeldPrekey]:
    """Return the private halves of the week of NOW."""
    return [h for k in book.role_keys for h in k.ring.weekly if h.prekey.week == week_of(NOW)]


def cells(vault: Vault) -> Iterator[tuple[bytes, bytes]]:
    """Yield every cell of the partition as it is on the disk, with what it holds; nothing for a free one."""
    files = vault._files
    assert files
    for n, blob in files.store.read("main", part=files.content.part).items():
        assert blob
        try:
            yield blob, files.partition.pool.cipher.open(n, blob)
        except Exception:
            yield blob, b""


def pieces(secret: bytes) -> list[bytes]:
    """Return a private half as the vault's records write it, in four pieces: a cell may end in the middle."""
    written = secret.hex().encode().hex().encode()
    return [written[i : i + 32] for i in range(0, len(written), 32)]


def test_a_recorded_envelope_opens_before_and_never_after_its_prekeys_are_gone(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        # Somebody at the relay kept a copy; the desk itself never got it.
        recorded = seal_record(device, screening("recorded on the way"))[0].envelope
        for at, readable in ((GONE - 8 * DAY, True), (GONE, False)):
            world.clock.now = float(at)
            await world.centre.receiving.once()
            await world.centre.lock()
            snapshot = tmp_path / f"snapshot {at}"
            copytree(world.folder, snapshot)
            assert opens(snapshot, recorded) is readable
            await world.restart()

    in_world(tmp_path, body)


def test_a_destroyed_half_is_in_no_cell_and_in_no_file(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        gone = [piece for held in halves(world.centre._book) for piece in pieces(held.secret)]
        assert len(gone) == 3 * 4
        vault = world.centre._book._vault
        held_it = [blob for blob, plain in cells(vault) if any(piece in plain for piece in gone)]
        assert held_it  # the search finds what is there
        world.clock.now = float(GONE)
        await world.centre.receiving.once()
        assert not halves(world.centre._book)
        assert not [blob for blob, plain in cells(vault) if any(piece in plain for piece in gone)]
        await world.centre.lock()
        for file in world.folder.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                assert not any(blob in data for blob in held_it), file.name

    in_world(tmp_path, body)


@pytest.mark.parametrize("wrong", [3 * DAY, NOW - 400 * DAY])
def test_a_clock_that_goes_back_destroys_nothing(tmp_path: Path, wrong: int) -> None:
    async def body(world: World) -> None:
        before = [keys.ring for keys in world.centre._book.role_keys]
        world.clock.now = float(wrong)
        await world.centre.receiving.once()
        assert [keys.ring for keys in world.centre._book.role_keys] == before

    in_world(tmp_path, body)


def test_after_years_of_renewal_each_half_lives_as_long_as_it_must(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing, book = world.ceremony.papers, world.centre.signing, world.centre._book
        for _ in range(5):  # two and a half years
            world.clock.pass_days(PREKEY_WEEKS_AHEAD * 7 - 30)
            await signing.renew()
            await signing.sign_here(paper.folder, paper.words)
            await signing.publish()
            await world.centre.receiving.once()
        now = int(world.clock.now)
        for keys in book.role_keys:
            ends = [held.prekey.naf for held in keys.ring.weekly]
            assert min(ends) > now - PREKEY_GRACE
            assert max(ends) >= now + PREKEY_WEEKS_AHEAD * WEEK
            assert len(keys.ring.last_resorts) >= 2
            published = book.trust.directory.roles[keys.role_id].last_resort
            assert published == keys.ring.last_resorts[-1].prekey
            assert all(h.prekey.naf > now - PREKEY_GRACE for h in keys.ring.last_resorts[:-1])

    in_world(tmp_path, body)


def test_who_left_reads_nothing_that_is_sealed_by_the_next_directory(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing = world.ceremony.papers, world.centre.signing
        device = await world.device()
        await world.centre.lock()
        taken = tmp_path / "what the leaver kept"
        copytree(world.folder, taken)
        await world.restart()
        signing = world.centre.signing
        await signing.replace_prekeys()
        await signing.sign_here(paper.folder, paper.words)
        await signing.publish()
        await world.centre.receiving.once()
        before = seal_record(device, screening("by the old keys"))[0].envelope
        device.trust = world.centre._book.trust
        after = seal_record(device, screening("by the new keys"))[0].envelope
        assert opens(taken, before)
        assert not opens(taken, after)
        await device.drop(before, after)  # the desk still reads both
        await world.centre.receiving.once()
        aliases = {row.alias for row in world.centre.inbox.rows().rows}
        assert aliases == {"by the old keys", "by the new keys"}

    in_world(tmp_path, body)


@pytest.mark.parametrize(
    "view", [{"dir_hash": b"\x5f" * 32}, {"dir_version": 2}, {"dir_version": 7, "dir_hash": b"\x5f" * 32}]
)
def test_a_directory_that_we_never_published_is_an_alarm_without_reading_a_body(
    tmp_path: Path, view: dict[str, object]
) -> None:
    async def body(world: World) -> None:
        device = await world.device("Made-up phone 7")
        good = seal_record(device, screening("in order"))[0]
        await device.drop(good.envelope)
        await world.centre.receiving.once()
        assert world.centre.split_views == ()
        # Sealed to somebody who is not here: this desk gets the header and nothing else.
        recipients = [BoxKeyPair.generate().public]
        shown = seal_record(device, screening("shown a world of its own"), recipients=recipients, **view)
        await device.drop(*(sealed.envelope for sealed in shown))
        await world.centre.receiving.once()
        (alarm,) = world.centre.split_views
        assert (alarm.device, alarm.device_id) == ("Made-up phone 7", device.device_id)
        assert (alarm.version, alarm.dir_hash) == (
            view.get("dir_version", 1),
            view.get("dir_hash", device.trust.dir_hash if device.trust else b""),
        )
        await world.restart()
        assert world.centre.split_views == (alarm,)

    in_world(tmp_path, body)


def test_an_older_directory_of_ours_is_no_alarm(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (paper,), signing = world.ceremony.papers, world.centre.signing
        await signing.propose(lambda directory: replace(directory, phones=()))
        await signing.sign_here(paper.folder, paper.words)
        await signing.publish()
        await device.drop(seal_record(device, screening())[0].envelope)
        await world.centre.receiving.once()
        assert world.centre.inbox.rows().total == 1
        assert world.centre.split_views == ()

    in_world(tmp_path, body)

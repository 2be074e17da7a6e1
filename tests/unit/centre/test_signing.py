"""Signatures for the next directory: one key holder or two of three, here or by files, and what they are refused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.keys_command import create_keys, describe, load_request, sign_request
from fieldapp.services import custody
from fieldapp.services.custody import HolderKeys, KeyFolderUnusable
from fieldapp.services.desk.centre import create_centre
from fieldapp.services.desk.ceremony import CentrePlan
from fieldapp.services.desk.draft import Draft
from fieldapp.services.desk.signing import ClockDoubtful, NoFilesFound, read_cards
from fieldapp.vault import FLOOR, WrongPassphrase
from sync.client import CentreClient
from sync.comparison import What, changes
from sync.directory import Phone
from sync.errors import CanonicalError, DirectoryRejected
from sync.keys import week_of
from sync.protocol import DAY, EXPIRY_WARNING, PREKEY_WEEKS_AHEAD, RENEW_BEFORE, WEEK
from sync.signing import Quorum, read_card
from tests.relay.harness import HOST, FakeClock, relay
from tests.unit.centre.desk import NOW, PASSPHRASE, DeskClock, Switch, World, in_world, run


async def signed_and_published(world: World) -> None:
    signing = world.centre.signing
    for paper in world.ceremony.papers[:2]:
        if not signing.proposal or not signing.proposal.complete:
            await signing.sign_here(paper.folder, paper.words)
    await signing.publish()


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(DirectoryRejected) as caught:
        yield
    assert caught.value.reason == reason


async def of_three(path: Path, world: World) -> World:
    """Make a second centre in this world: three key holders, two of whom must sign. Nothing of it is published."""
    media = [path / f"stick {n}" for n in (1, 2, 3)]
    for medium in media:
        medium.mkdir()
    centre, ceremony = await create_centre(
        path / "desk of three",
        PASSPHRASE,
        CentrePlan("Made-up centre", HOST),
        key_directories=media,
        parameters=FLOOR,
        cells=1024,
        clock=DeskClock(world.clock),
        client=world.desk_client,
    )
    return replace(world, centre=centre, ceremony=ceremony, folder=path / "desk of three")


def test_two_of_three_key_holders_sign_here_and_elsewhere(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        three = await of_three(tmp_path, world)
        signing, papers, clock = three.centre.signing, three.ceremony.papers, DeskClock(world.clock)
        assert (signing.root.threshold, signing.root.dir_threshold, len(signing.root.dir_keys)) == (2, 2, 3)
        assert len({paper.words for paper in papers}) == len({paper.label for paper in papers}) == 3
        assert not (three.folder / "keys").exists()
        world.clock.pass_days(70)
        await signing.renew()
        first = await signing.sign_here(papers[1].folder, papers[1].words.upper())
        assert not first.again
        await signing.sign_here(papers[1].folder, papers[1].words)
        assert signing.proposal
        assert [(t.have, t.need) for t in signing.proposal.tallies] == [(1, 2)]
        with refused("threshold"):
            await signing.publish()

        carried = tmp_path / "carried"
        carried.mkdir()
        with pytest.raises(NoFilesFound):
            await signing.read_signatures(carried)
        path = await signing.write_request(carried)
        request = load_request(path)
        told = describe(request, clock)
        assert "Asked by the desk: Desk 1" in told
        assert "Keys for records last until" in told
        assert "Careful" not in told
        await asyncio.to_thread(sign_request, request, path, papers[2].folder, papers[2].words, clock)
        assert await signing.read_signatures(carried) == 1
        assert signing.proposal.complete
        # What was collected outlives a lock.
        await three.restart()
        await three.centre.signing.publish()
        assert three.centre.signing.proposal is None
        assert three.centre.signing.runs_out == int(world.clock.now) + PREKEY_WEEKS_AHEAD * WEEK
        await three.centre.lock()

    in_world(tmp_path, body)


def test_signatures_for_something_else_are_refused_and_change_nothing(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing = world.ceremony.papers, world.centre.signing
        folder = tmp_path / "carried"
        folder.mkdir()
        await signing.renew()
        path = await signing.write_request(folder)
        request = load_request(path)
        await asyncio.to_thread(
            sign_request, request, path, paper.folder, paper.words, DeskClock(world.clock)
        )
        world.clock.now += 5
        await signing.discard()
        with pytest.raises(NoFilesFound):
            await signing.read_signatures(folder)
        await signing.renew()
        with refused("document"):
            await signing.read_signatures(folder)
        (folder / "made up.signatures").write_bytes(b"made up")
        with pytest.raises(DirectoryRejected):
            await signing.read_signatures(folder)
        assert signing.proposal
        assert signing.proposal.tallies[0].have == 0
        # One good file among bad ones is enough. The vault says that it signed another request before.
        assert (await signing.sign_here(paper.folder, paper.words)).again
        await signing.publish()
        older = replace(request.proposal, directory=replace(request.proposal.directory, v=1))
        with refused("rollback"):
            await asyncio.to_thread(custody.sign, paper.folder, paper.words, older, DeskClock(world.clock))

    in_world(tmp_path, body)


def test_a_key_vault_signs_for_its_own_centre_only(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        signing, clock = world.centre.signing, DeskClock(world.clock)
        await signing.renew()
        assert signing.proposal
        keys = HolderKeys.generate()
        other = custody.create_key_vault(tmp_path / "other", keys, b"OTHER-MADE-UP-CE", "", FLOOR, clock)
        with refused("centre"):
            await signing.sign_here(other.folder, other.words)
        stranger = create_keys(tmp_path, "Made-up stranger", clock, FLOOR)
        with refused("signer"):
            await signing.sign_here(stranger.folder, stranger.words)
        (paper,) = world.ceremony.papers
        with pytest.raises(WrongPassphrase):
            await signing.sign_here(paper.folder, stranger.words)
        for nothing in (tmp_path / "not there", tmp_path / "stick" / "not there"):
            with pytest.raises(KeyFolderUnusable):
                await signing.sign_here(nothing, paper.words)
        assert signing.proposal.tallies[0].have == 0
        await signing.sign_here(paper.folder.parent, paper.words)  # the folder above holds one vault only
        assert signing.proposal.complete

    in_world(tmp_path, body)


def test_a_small_centre_gets_three_key_holders_and_devices_follow(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (old,), signing, clock = world.ceremony.papers, world.centre.signing, DeskClock(world.clock)
        medium = tmp_path / "new keys"
        medium.mkdir()
        new = [create_keys(medium, f"Made-up holder {n}", clock, FLOOR) for n in (1, 2)]
        cards = (*read_cards(medium), *read_cards(old.folder))
        assert {card.name for card in cards} == {"Made-up holder 1", "Made-up holder 2", "Made-up centre 1"}
        for wrong in (cards[:2], (cards[0], cards[0], cards[1])):
            with pytest.raises(ValueError, match=r"card|holder"):
                await signing.change_holders(wrong)
        await signing.change_holders(cards)
        assert signing.proposal
        assert {t.quorum: (t.have, t.need) for t in signing.proposal.tallies} == {
            Quorum.DIRECTORY: (0, 2),
            Quorum.ROOT: (0, 2),
            Quorum.FORMER_ROOT: (0, 1),
        }
        for paper in new:
            await signing.sign_here(paper.folder, paper.words)
        with refused("threshold"):  # the holder of now has not agreed
            await signing.publish()
        await signing.sign_here(old.folder, old.words)
        await signing.publish()
        await world.centre.receiving.once()
        assert device.trust
        blob = await device.client.directory(next(iter(device.read_tokens.values())))
        state = type(device.trust).pin(device.trust.centre_id, blob)
        assert (state.root.v, state.root.threshold, state.version) == (2, 2, 2)

        # From now on one key is not enough, and the new ones belong to this centre.
        await signing.renew()
        await signing.sign_here(new[0].folder, new[0].words)
        with refused("threshold"):
            await signing.publish()
        await signing.sign_here(new[1].folder, new[1].words)
        await signing.publish()
        await world.restart()
        assert world.centre.signing.root.v == 2

    in_world(tmp_path, body)


def test_what_is_wished_for_while_a_draft_waits_is_added_and_signed_anew(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing = world.ceremony.papers, world.centre.signing
        await signing.renew()
        await signing.sign_here(paper.folder, paper.words)
        phones = (Phone("duty", "Made-up duty", "000 00 00 09"),)
        await signing.propose(lambda directory: replace(directory, phones=phones))
        assert signing.proposal
        assert not signing.proposal.complete
        await signing.replace_prekeys()
        found = {change.what: change for change in changes(signing.proposal)}
        assert found[What.PHONES].added
        assert len(found[What.PREKEYS_REPLACED].added) == 3
        assert signing.proposal.directory.v == 2

    in_world(tmp_path, body)


def test_it_warns_eight_weeks_before_and_a_year_before_the_root_ends(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        signing = world.centre.signing
        assert not signing.due
        world.clock.now = float(signing.runs_out - RENEW_BEFORE - 1)
        assert not signing.due
        world.clock.now += 1
        assert signing.due
        assert signing.proposal is None
        await world.centre.receiving.once()
        assert signing.proposal  # the desk asks by itself, once
        proposal = signing.proposal
        await world.centre.receiving.once()
        assert signing.proposal is proposal
        await signed_and_published(world)
        assert not signing.due
        world.clock.now = float(signing.root_expires - 365 * DAY)
        assert signing.root_due
        with pytest.raises(ClockDoubtful):
            await signing.renew()
        assert world.centre._book.trust.expires_soon(signing.runs_out - EXPIRY_WARNING)
        assert not world.centre._book.trust.expires_soon(signing.runs_out - EXPIRY_WARNING - 1)

    in_world(tmp_path, body)


@pytest.mark.parametrize("wrong", [2_145_916_800, NOW + 366 * DAY])
def test_a_clock_far_ahead_is_asked_about_before_it_can_destroy_keys(tmp_path: Path, wrong: int) -> None:
    async def body(world: World) -> None:
        before = [keys.ring for keys in world.centre._book.role_keys]
        world.clock.now = float(wrong)
        signing = world.centre.signing
        for wish in (signing.renew, signing.replace_prekeys):
            with pytest.raises(ClockDoubtful):
                await wish()
        assert [keys.ring for keys in world.centre._book.role_keys] == before
        await world.centre.receiving.once()
        assert signing.proposal is None
        await signing.renew(date_is_right=True)
        assert signing.proposal

    in_world(tmp_path, body)


def test_a_clock_in_1970_never_makes_a_directory_older_than_the_last(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        signing = world.centre.signing
        runs_out = signing.runs_out
        world.clock.now = 3.0 * DAY
        await signing.renew()
        assert signing.proposal
        assert signing.proposal.directory.issued == NOW
        await signed_and_published(world)
        assert signing.runs_out >= runs_out
        weeks = [p.week for p in world.centre._book.trust.directory.registrar.prekeys]
        assert weeks[0] == week_of(NOW)

    in_world(tmp_path, body)


def test_cards_are_found_in_the_folder_and_in_those_in_it(tmp_path: Path) -> None:
    clock = DeskClock(FakeClock(NOW))
    for nothing in (tmp_path, tmp_path / "missing"):
        with pytest.raises((NoFilesFound, KeyFolderUnusable)):
            read_cards(nothing)
    paper = create_keys(tmp_path, "Made-up holder", clock, FLOOR)
    assert read_cards(tmp_path) == read_cards(paper.folder)
    (paper.folder / "broken.card").write_bytes(b"made up")
    with pytest.raises(DirectoryRejected):
        read_cards(tmp_path)


def test_nothing_of_a_key_is_readable_beside_its_vault_or_in_a_repr(tmp_path: Path) -> None:
    keys = HolderKeys.generate()
    paper = custody.create_key_vault(
        tmp_path / "key", keys, custody.UNBOUND, "Made-up holder", FLOOR, DeskClock(FakeClock(NOW))
    )
    seeds = (keys.root.seed, keys.directory.seed)
    assert not any(seed.hex() in repr((keys, paper)) for seed in seeds)
    assert paper.words not in repr(paper)
    (card,) = paper.folder.glob("*.card")
    assert read_card(card.read_bytes()).directory_key == keys.directory.public
    for file in paper.folder.iterdir():
        data = file.read_bytes()
        assert not any(form in data for seed in seeds for form in (seed, seed.hex().encode()))


def test_a_draft_survives_the_vault_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing = world.ceremony.papers, world.centre.signing
        await signing.renew()
        await signing.sign_here(paper.folder, paper.words)
        draft = world.centre._book.draft
        assert draft
        assert Draft.from_bytes(draft.to_bytes()) == draft
        for damaged in (draft.to_bytes()[:-1], draft.to_bytes() + b"x", b"", b"\0\0"):
            with pytest.raises(CanonicalError):
                Draft.from_bytes(damaged)

    in_world(tmp_path, body)


def test_a_centre_has_one_key_holder_or_three(tmp_path: Path) -> None:
    async def body() -> None:
        async with relay(tmp_path / "relay.db", FakeClock(NOW)) as served:
            for media in ([tmp_path, tmp_path], [tmp_path, tmp_path, tmp_path]):
                with pytest.raises((ValueError, KeyFolderUnusable)):
                    await create_centre(
                        tmp_path / "desk",
                        PASSPHRASE,
                        CentrePlan("Made-up centre", HOST),
                        key_directories=media,
                        parameters=FLOOR,
                        cells=1024,
                        client=lambda url, key: CentreClient(url, key, transport=Switch(served.app)),
                    )
                assert not (tmp_path / "desk" / "v.hdr").exists()

    run(body())

"""The centre's keys at the desk: three key holders at the start, a renewal, signatures here and by files, alarms."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.state import Screen
from fieldapp.keys_command import load_request, sign_request
from fieldapp.services import custody
from fieldapp.services.custody import KeyPaper
from sync.protocol import DAY
from tests.relay.harness import HOST
from tests.session.desk_harness import Desk, desk, open_desk
from tests.unit.centre.desk import PASSPHRASE, DeskClock, founded, moved, screening, seal_record

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]


def key_of(path: Path) -> KeyPaper:
    """Return the paper of the made-up centre's key, for its copy below `path`."""
    folder, ceremony = founded()
    return moved(ceremony, folder, path).papers[0]


async def to_keys(app: Desk) -> None:
    await app.press("to-settings", "keys")
    assert app.at(Screen.KEYS)


async def sign(app: Desk, paper: KeyPaper) -> None:
    await app.screen.fill("Folder on a USB stick", str(paper.folder))
    await app.screen.fill("The seven words", paper.words)
    await app.press("sign")
    await app.until(lambda: not app.screen.find(ft.ProgressRing))


async def test_three_key_holders_are_chosen_and_each_sees_only_their_own_words(tmp_path: Path) -> None:
    media = [tmp_path / f"stick {n}" for n in (1, 2, 3)]
    for medium in media:
        medium.mkdir()
    async with desk(tmp_path) as app:
        app.network.off()
        await app.press("go-on")
        await app.screen.fill("Name of the centre", "Made-up centre")
        await app.press("go-on")
        await app.screen.fill("Address of the relay", HOST)
        await app.press("go-on", "holders-3")
        for n, folder in ((1, media[0]), (2, media[0]), (3, media[2])):
            await app.screen.fill(f"Folder on USB stick {n}", str(folder))
        with pytest.raises(AssertionError):  # two keys in one place
            await app.press("go-on")
        await app.screen.fill("Folder on USB stick 2", str(media[1]))
        await app.press("go-on")
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.screen.fill("The same once more", PASSPHRASE)
        await app.press("passphrase-choose")
        await app.until(lambda: app.at(Screen.CEREMONY))
        assert app.gate.ceremony
        papers = app.gate.ceremony.papers
        assert [media[n] in paper.folder.parents for n, paper in enumerate(papers)] == [True, True, True]
        for number, paper in enumerate(papers, start=1):
            assert f"Key {number} of 3" in app.said
            assert not any(other.words in app.said for other in papers)
            await app.press("show")
            assert [other.words in app.said for other in papers] == [other is paper for other in papers]
            assert paper.label in app.said
            if number == 2:  # an automatic lock in the middle loses nothing, and shows nothing
                await app.lock()
                await app.unlock()
                assert paper.words not in app.said
                await app.press("show")
            await app.press("written")
        assert app.gate.ceremony is None
        assert app.at(Screen.HANDOVER)
        assert not (app.folder / "keys").exists()


async def test_the_keys_are_renewed_by_a_key_holder_who_is_here(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        paper = key_of(tmp_path)
        await to_keys(app)
        assert "1 of 1" in app.said
        app.clock.now += 130 * DAY
        await app.press("to-inbox")
        await app.pull()  # the desk drafts by itself what is due
        assert "waits for signatures" in app.said
        await to_keys(app)
        assert "run out on" in app.said
        assert "Version 2 of the address list" in app.said
        assert "0 of 1 signed" in app.said
        assert "publish" not in app.screen.identifiers()
        await sign(app, KeyPaper(tmp_path / "not there", "", paper.words))
        assert "This folder cannot be used." in app.said
        await sign(app, KeyPaper(paper.folder, "", "seven wrong words that open nothing here"))
        assert "That passphrase does not open this." in app.said
        await sign(app, paper)
        await app.until(lambda: "publish" in app.screen.identifiers())
        assert "Enough key holders have signed" in app.said
        assert paper.words not in str(app.screen.texts())
        await app.press("publish")
        await app.until(lambda: "renew" in app.screen.identifiers())
        assert "run out on" not in app.said
        assert app.centre.signing.root.v == 1


async def test_a_request_goes_out_as_a_file_and_comes_back_signed(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        paper, stick = key_of(tmp_path), tmp_path / "made-up stick"
        stick.mkdir()
        await to_keys(app)
        await app.press("replace")
        assert "Keys already published are replaced at once" in app.said
        await app.screen.fill("Folder on a USB stick", str(stick))
        await app.press("read")
        assert "There is no such file in this folder." in app.said
        await app.press("write")
        (path,) = stick.glob(f"*{custody.REQUEST_SUFFIX}")
        assert path.name in app.said
        request = load_request(path)
        sign_request(request, path, paper.folder, paper.words, DeskClock(app.clock))
        await app.press("read")
        await app.until(lambda: "publish" in app.screen.identifiers())
        await app.press("publish")
        await app.until(lambda: "renew" in app.screen.identifiers())


async def test_signatures_for_another_request_are_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        paper, stick = key_of(tmp_path), tmp_path / "made-up stick"
        stick.mkdir()
        await to_keys(app)
        await app.press("renew")
        await app.screen.fill("Folder on a USB stick", str(stick))
        await app.press("write")
        (path,) = stick.glob("*.request")
        sign_request(load_request(path), path, paper.folder, paper.words, DeskClock(app.clock))
        app.clock.now += 7
        await app.press("discard", "renew", "read")
        assert "These signatures belong to another request." in app.said
        assert "0 of 1 signed" in app.said
        await app.press("discard")
        assert "renew" in app.screen.identifiers()


async def test_new_key_holders_are_read_from_their_cards(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        paper = key_of(tmp_path)
        app.clock.now += 30 * DAY
        await to_keys(app)
        await app.press("holders")
        with pytest.raises(AssertionError):
            await app.press("ask")
        await app.screen.fill("Folder on a USB stick", str(paper.folder))
        await app.press("read-card", "read-card")  # the same card counts once
        assert "One key: this person alone will decide." in app.said
        await app.press("ask")
        assert app.at(Screen.KEYS)
        assert "New key holders" in app.said
        assert "Key holders confirmed until:" in app.said
        await sign(app, paper)
        await app.until(lambda: "publish" in app.screen.identifiers())
        await app.press("publish")
        assert app.centre.signing.root.v == 2


async def test_a_doubtful_date_is_asked_about(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        app.clock.now += 400 * DAY
        await to_keys(app)
        await app.press("renew")
        assert app.centre.signing.proposal is None
        assert "This computer says that today is" in app.said
        await app.press("date-right")
        assert app.centre.signing.proposal is not None


async def test_a_split_view_stands_above_the_inbox_and_leads_to_the_keys(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device("Made-up phone 7")
        sealed = seal_record(device, screening("made up"), dir_hash=b"\x5f" * 32)
        await app.arrive(device, *(part.envelope for part in sealed))
        assert "works with a list of the centre that this centre never made" in app.said
        assert "Made-up phone 7" in app.said
        await to_keys(app)
        assert "works with a list of the centre that this centre never made" in app.said
        await app.lock()
        assert "Made-up phone 7" not in app.said

"""Stories 9, 10, 12, 26 and 27 of `docs/failure-stories.md`: what a device in the wrong hands, or out of power, keeps."""

import os
import shutil
import signal
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fieldapp import assets
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.errors import InstrumentError
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import (
    FLOOR,
    KdfParameters,
    NoKeystore,
    UnlockAttempt,
    UnlockDelayed,
    VaultDamaged,
    VaultExists,
    calibrate,
)
from sync.client import RelayClient
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE

pytestmark = pytest.mark.anyio
FILES = ("v.hdr", "v.db", "v.box")


def device(folder: Path, clock: FixedClock, cost: KdfParameters = FLOOR) -> Gate:
    """A device without network, on files that are there or not."""
    return Gate(folder, NoKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: cost)


async def reopened(gate: Gate) -> Notebook:
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


@pytest.mark.parametrize(
    ("name", "content"), [("v.hdr", b""), ("v.db", b""), ("v.db", b"no database, made up" * 400)]
)
async def test_story_9_what_is_no_vault_any_more_is_kept_and_never_begun_anew(
    gate: Gate, clock: FixedClock, name: str, content: bytes
) -> None:
    """A framework took "not a database" for "not there yet", deleted the file and began again."""
    await gate.lock()
    folder = gate.shelf.folder
    (folder / name).write_bytes(content)
    before = {file: (folder / file).read_bytes() for file in FILES}
    for _ in range(2):
        assert not gate.is_new, "the first start would make a new device here"
        with pytest.raises(VaultDamaged):
            await gate.unlock(PASSPHRASE)
        with pytest.raises(VaultExists):
            await gate.create("other made-up words of somebody else", Settings())
    counts = (
        {} if name == "v.hdr" else {"v.hdr": (folder / "v.hdr").read_bytes()}
    )  # attempts, if there is a header
    assert {file: (folder / file).read_bytes() for file in FILES} == before | counts


@dataclass
class Cut:
    """What was on the disk when the power failed in the middle of a save."""

    before: dict[str, bytes]
    during: dict[str, bytes]


@pytest.fixture
async def cut(gate: Gate) -> Cut:
    """A save that has written half of its pages; the draft holds S04 before, and S05 would be the next."""
    notebook = gate.notebook
    assert notebook
    store, folder = notebook.book._vault.opened.store, gate.shelf.folder
    made = await notebook.screenings.begin(Mode.OFFICER, language="en")
    made = made.with_answer("S04", Answer.YES)
    for item in made.order[:12]:
        made = made.with_note(item, "made up " * 100)
    await notebook.screenings.save(made)
    seen: list[dict[str, bytes]] = []

    def look(statement: str) -> None:
        if statement == "COMMIT":
            seen.append({file.name: file.read_bytes() for file in folder.iterdir()})

    def watch(_: object) -> None:
        for setting in ("cache_size=1", "cache_spill=1"):  # pages go to the file before the commit
            store._connection.execute(f"PRAGMA {setting}")
        store._connection.set_trace_callback(look)

    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    await notebook.book.commit(watch)
    await notebook.screenings.save(made.with_answer("S05", Answer.NO))
    await notebook.book.commit(lambda _: store._connection.set_trace_callback(None))
    return Cut(before, seen[0])


async def test_story_10_a_battery_that_dies_in_a_save_leaves_the_last_confirmed_answer(
    cut: Cut, tmp_path: Path, clock: FixedClock
) -> None:
    """The app was empty after a flat battery. `kept`: bytes of the journal that reached the disk; -1: pages did too."""
    journal = cut.during["v.db-journal"]
    assert cut.during["v.db"] != cut.before["v.db"], "pages of the save are on the disk"
    assert len(journal) > 4096
    for kept in (0, 513, 5000, 1_000_000, -1):
        files = dict(cut.before, **{"v.db-journal": journal[:kept]}) if kept >= 0 else cut.during
        folder = tmp_path / f"after {kept}"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        after = device(folder, clock)
        notebook = await after.unlock(PASSPHRASE)
        (draft,) = notebook.screenings.unfinished
        assert draft.answers["S04"] is Answer.YES, kept
        assert "S05" not in draft.answers, kept
        assert not notebook.book.damaged, kept
        await notebook.screenings.save(draft.with_answer("S05", Answer.NO))
        await after.shut()


@pytest.mark.parametrize("most", [64, 1], ids="{} MB".format)
async def test_story_12_a_small_device_makes_a_vault_that_opens_again(
    most: int, tmp_path: Path, clock: FixedClock
) -> None:
    """Calibration on a small phone asked for memory that no header may name, and nothing opened any more."""

    def measure(cost: KdfParameters) -> float:
        if cost.memory_kib > most * 1024:
            raise MemoryError
        return 0.3

    chosen = calibrate(measure)
    gate = device(tmp_path / "small", clock, chosen)
    await gate.create(PASSPHRASE, Settings())
    await gate.lock()
    memory, passes = struct.unpack_from("<II", (tmp_path / "small" / "v.hdr").read_bytes(), 20)
    assert KdfParameters(memory, passes) == chosen
    assert chosen.is_legal()
    assert chosen.memory_kib <= max(most, 32) * 1024
    assert await gate.unlock(PASSPHRASE)
    await gate.shut()


@pytest.fixture
def updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of instruments after an update: version 2 asks for S03 no more, version 1 stays beside it."""
    folder = tmp_path / "assets"
    shutil.copytree(assets.assets_dir(), folder)
    current = folder / "instruments" / "htp-q20.toml"
    text = current.read_text("utf-8")
    (folder / "instruments" / "htp-q20-1.toml").write_text(text, "utf-8")
    later = text.replace("version = 1\n", "version = 2\n", 1).replace('"Death threats"', '"Threats to kill"')
    assert later.count("Threats to kill") == 1
    current.write_text(later, "utf-8")
    cached = (assets.default_instrument, assets.instrument_for)
    with monkeypatch.context() as patch:
        patch.setattr(assets, "assets_dir", lambda: folder)
        for function in cached:
            function.cache_clear()
        yield folder / "instruments"
    for function in cached:
        function.cache_clear()


async def test_story_26_a_draft_opens_with_its_own_version_after_an_update(
    gate: Gate, request: pytest.FixtureRequest
) -> None:
    """After an update of the form drafts were unusable, or came back under the wrong form."""
    notebook = gate.notebook
    assert notebook
    draft = (await notebook.screenings.begin(Mode.OFFICER, language="en")).with_answer("S04", Answer.YES)
    draft = draft.with_followup("S04t", "now").with_position("s04")
    await notebook.screenings.save(draft)
    await gate.lock()
    request.getfixturevalue("updated")
    again = await reopened(gate)
    assert again.screenings.unfinished == (draft,)
    (old,) = again.screenings.unfinished
    fresh = await again.screenings.begin(Mode.OFFICER, language="en")
    assert (old.instrument.version, fresh.instrument.version) == (1, 2)
    assert old.instrument.by_id["S04"].label["en"] == "Death threats"
    assert fresh.instrument.by_id["S04"].label["en"] == "Threats to kill"
    record = await again.screenings.finish(old, FinishChoice(FinishKind.SEND))
    again = await reopened(gate)
    assert record.record_id in {one.record_id for one in again.screenings.finished}


async def test_story_26_a_draft_of_a_form_that_was_withdrawn_is_told_and_kept(
    gate: Gate, request: pytest.FixtureRequest
) -> None:
    notebook = gate.notebook
    assert notebook
    draft = (await notebook.screenings.begin(Mode.OFFICER, language="en")).with_answer("S04", Answer.YES)
    await notebook.screenings.save(draft)
    await gate.lock()
    folder: Path = request.getfixturevalue("updated")
    old = (folder / "htp-q20-1.toml").read_bytes()
    (folder / "htp-q20-1.toml").unlink()
    again = await reopened(gate)
    with pytest.raises(InstrumentError):
        assets.instrument_for("htp-q20", 1)
    assert again.screenings.unfinished == ()
    assert [one.kind for one in again.book.damaged] == [Kind.DRAFT]
    assert await again.screenings.begin(Mode.OFFICER, language="en")
    (folder / "htp-q20-1.toml").write_bytes(old)  # the next update brings the form back
    assets.instrument_for.cache_clear()
    assert draft in (await reopened(gate)).screenings.unfinished


def guess_and_die(folder: Path, now: int) -> None:
    """Begin to unlock in a process of its own, which is killed before a passphrase is stretched."""
    child = os.fork()
    if child == 0:
        UnlockAttempt.begin(folder, NoKeystore(), now)
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
async def test_story_27_guesses_that_are_killed_in_the_middle_are_counted(
    gate: Gate, clock: FixedClock
) -> None:
    """Whoever killed the app while a guess was tried had tried it for nothing."""
    await gate.lock()
    for _ in range(5):
        guess_and_die(gate.shelf.folder, clock.now())
    with pytest.raises(UnlockDelayed):
        await gate.unlock(PASSPHRASE)
    clock.advance(30)
    await gate.unlock(PASSPHRASE)


@pytest.mark.parametrize("name", FILES)
async def test_story_27_a_changed_bit_anywhere_is_noticed_or_harms_nothing(
    gate: Gate, clock: FixedClock, name: str, tmp_path: Path
) -> None:
    """Unauthenticated encryption let whoever had the file change what it says."""
    notebook = gate.notebook
    assert notebook
    draft = await notebook.screenings.begin(Mode.OFFICER, language="en")
    draft = draft.with_answer("S04", Answer.YES).with_note("S04", "made up")
    await notebook.screenings.save(draft)
    await gate.lock()
    whole = (gate.shelf.folder / name).read_bytes()
    for step in range(4):
        at = (step * 2 + 1) * len(whole) // 8
        folder = shutil.copytree(gate.shelf.folder, tmp_path / f"{step}")
        (folder / name).write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        changed = device(folder, clock)
        try:
            again = await changed.unlock(PASSPHRASE)
        except VaultDamaged:
            continue
        found = again.screenings.unfinished
        assert found in ((), (draft,)), "never another content"
        noticed = again.book.damaged or again.book._vault.altered or again.book._vault.outbox_damaged
        assert found or noticed
        await changed.shut()
        shutil.rmtree(folder)

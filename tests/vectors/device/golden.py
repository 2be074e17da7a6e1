"""A whole data directory of a release, with everything a device can hold, in an archive that must open for ever.

    python -m tests.vectors.device.golden tests/vectors/device NAME       writes NAME.tar.xz and NAME.json

A release whose stored forms differ from those of the one before gets a directory of its own; none is ever made again or
changed. The device is made by the real services: what is in `NAME.json` is what was read back from it, with every
passphrase. Only its free cells are not random but noise that anyone can compute (`tests.vectors.vault.noise`), so that
the archive is small although the files are as large as always.
"""

import asyncio
import hashlib
import io
import json
import lzma
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Agency, FinishChoice, FinishKind, Identity, Mode, MustNotSee
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.listening import News
from fieldapp.services.media import prepare
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Look, Settings, Work
from fieldapp.services.worker import StorageWorker
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, SlotKind, Vault, create, new_code, unlock
from fieldapp.vault.cells import BoxCipher, RecordCipher
from sync import outbox
from sync.client import RelayClient
from sync.downstream import DevicePolicy, Message
from sync.receipts import ReceiptItem, ReceiptKind
from tests.fakes import media
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.unit.services.test_unfinished import case_of, edit_of, log_of
from tests.vectors.vault.noise import free_box_cell, free_cell, mark, restore

FILES = ("v.hdr", "v.db", "v.box")
PASSPHRASE = "golden made-up words é 1"
SECOND, WIPE = "harmless sextant walnut copper ninety", "goodbye marble anchor violet thirty"
SETTINGS = Settings("nl", Look.DARK, Work.OUTREACH, 300, 30, 130)
CLOCK = FixedClock()
SEND = FinishChoice(FinishKind.SEND)


async def notebook_of(vault: Vault) -> Notebook:
    """Return the services on an unlocked vault; nothing is sent."""
    return Notebook(await DeviceBook.open(vault, StorageWorker(), CLOCK, SystemIds()), RelayClient)


def read(vault: Vault) -> dict[str, Any]:
    """Return what the vault holds, as far as it is the same at every reading."""
    content = vault.opened.content
    return {
        "altered": vault.altered,
        "chain": [vault.chain.next_seq, vault.chain.head.hex()],
        "damaged": len(vault.damaged) + len(vault.outbox_damaged),
        "epoch": content.epoch,
        "generation": vault.generation,
        "outbox": [
            [
                one.entry_id.hex(),
                one.record_id.hex(),
                one.seq,
                one.state,
                digest(one.envelope),
                digest(one.meta),
            ]
            for one in vault.outbox()
        ],
        "records": [
            [one.record_id.hex(), one.kind, one.flags, one.version, digest(one.payload)]
            for one in sorted(vault.records(), key=lambda record: record.record_id)
        ],
        "vault_id": content.vault_id.hex(),
    }


def shown(notebook: Notebook) -> dict[str, Any]:
    """Return what a worker sees of it."""
    book = notebook.book
    return {
        "cases": [[case.alias, case.contact.number] for case in notebook.contacts.cases],
        "contacts": [one.note for one in notebook.unfinished.contacts],
        "damaged": len(book.damaged),
        "drafts": sorted(
            [sorted(screening.answers), len(notebook.attachments.of(screening.id))]
            for screening in notebook.screenings.unfinished
        ),
        "filed": sorted([book.stage(record).name, record.content is not None] for record in book.filed),
        "language": book.settings.language,
        "messages": [letter.text for letter in notebook.messages.all],
        "on_the_way": [[meta.seq, meta.state.value] for _, meta in book.on_the_way],
        "policy": book.policy.opened_by if book.policy else 0,
        "rules": [one.who_acts for one in notebook.unfinished.rules],
        "settings": book.settings == SETTINGS,
        "standing": book.standing.value,
        "tokens": book.tokens_left,
        "words": [book.word_is_set(kind) for kind in SlotKind],
    }


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def computable_free_cells() -> Iterator[None]:
    """Let free cells be noise that need not be stored."""
    random_cell, random_box_cell = RecordCipher.free, BoxCipher.free
    keys: dict[BoxCipher, bytes] = {}
    begin = BoxCipher.__init__

    def remembering(self: BoxCipher, outbox_key: bytes) -> None:
        begin(self, outbox_key)
        keys[self] = outbox_key

    try:
        RecordCipher.free = lambda _self, n: free_cell(n)  # type: ignore[method-assign]
        BoxCipher.free = lambda self, n: free_box_cell(n, keys[self])  # type: ignore[method-assign]
        BoxCipher.__init__ = remembering  # type: ignore[method-assign]
        yield
    finally:
        RecordCipher.free, BoxCipher.free = random_cell, random_box_cell  # type: ignore[method-assign]
        BoxCipher.__init__ = begin  # type: ignore[method-assign]


async def fill(vault: Vault, code: str) -> None:
    """Do with a new device what a worker and a centre do; it is locked afterwards."""
    notebook = await notebook_of(vault)
    book = notebook.book
    await book.save_settings(SETTINGS)
    centre = ScriptedCentre("https://relay.example", CLOCK.now())
    await book.join(centre.member(), centre.trust, [bytes([n]) * 32 for n in range(1, 31)])
    for withheld in (frozenset[Agency](), frozenset({Agency.POLICE})):
        screening = await notebook.screenings.begin(Mode.OFFICER, language="nl")
        screening = screening.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
        screening = screening.with_identity(Identity(name="Madeup Person"))
        await notebook.screenings.finish(screening.with_must_not_see(MustNotSee(withheld)), SEND)
    (entry, meta), *_ = book.on_the_way
    await book.change_meta(entry.entry_id, lambda m: outbox.stored(m, CLOCK.now()))
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="fr")
    await notebook.screenings.save(screening.with_answer("S01", Answer.YES).with_answer("S02", Answer.NO))
    await notebook.attachments.add(screening.id, prepare(media.pdf(3000)))
    case = await case_of(notebook, CLOCK)
    await notebook.unfinished.save(log_of(case, CLOCK))
    await notebook.unfinished.save(edit_of(case, CLOCK))
    news = News(
        receipts=[
            (centre.desk_id, ReceiptItem(ReceiptKind.OPENED, meta.env_hash, meta.opened_proof, CLOCK.now()))
        ],
        messages=[(b"m" * 32, Message(CLOCK.now(), "Intake", "A made-up message"), "Desk")],
        policies=[DevicePolicy(1, 2, 30, 2, 60, 30)],
        centre_time=CLOCK.now(),
    )
    await book.hear("made-up cursor", news)
    await book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
    await book.set_word(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, SECOND)
    await book.change_key(PASSPHRASE, code)
    await book.close()


def make() -> tuple[bytes, dict[str, Any]]:
    """Make a device; returns the archive and what is in it."""
    code, keystore = new_code(), MemoryKeystore()
    with TemporaryDirectory() as folder, computable_free_cells():
        device = Path(folder) / "data"
        asyncio.run(fill(create(device, PASSPHRASE, keystore, FLOOR, now=CLOCK.now()), code))
        second = asyncio.run(notebook_of(unlock(device, SECOND, keystore, now=CLOCK.now())))
        asyncio.run(_write_second(second))
        files = {name: (device / name).read_bytes() for name in FILES}
        held = {name: value.hex() for name, value in sorted(keystore.values.items())}
        expected = {
            "keystore": held,
            "now": CLOCK.now(),
            "passphrase": PASSPHRASE,
            "second": SECOND,
            "sheet": code,
            "wipe": WIPE,
        }
        vault = unlock(device, PASSPHRASE, keystore, now=CLOCK.now())
        try:
            expected |= {"read": read(vault), "shown": shown(asyncio.run(notebook_of(vault)))}
        finally:
            vault.lock()
        vault = unlock(device, SECOND, keystore, now=CLOCK.now())
        try:
            expected["shown_second"] = shown(asyncio.run(notebook_of(vault)))
        finally:
            vault.lock()
    return pack(files, keystore.values["bk"]), expected


async def _write_second(notebook: Notebook) -> None:
    screening = await notebook.screenings.begin(Mode.OFFICER, language="nl")
    await notebook.screenings.save(screening.with_answer("S01", Answer.NO))
    await notebook.book.close()


def pack(files: dict[str, bytes], outbox_key: bytes) -> bytes:
    """Return the archive: free cells become marks. The same files give the same archive."""
    for n in range(2048):
        files["v.db"] = files["v.db"].replace(free_cell(n), mark(n))
    for n in range(1024):
        files["v.box"] = files["v.box"].replace(free_box_cell(n, outbox_key), mark(n))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in FILES:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o600
            archive.addfile(entry, io.BytesIO(files[name]))
    return lzma.compress(out.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def unpack(archive: bytes, folder: Path, outbox_key: bytes) -> None:
    """Put the files back as they were; `folder` is made."""
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(archive))) as found:
        for name in FILES:
            member = found.extractfile(name)
            assert member is not None
            data = member.read()
            key = {"v.hdr": None, "v.db": None, "v.box": outbox_key}[name]
            (folder / name).write_bytes(data if name == "v.hdr" else restore(data, key))


if __name__ == "__main__":
    into, name = Path(sys.argv[1]), sys.argv[2]
    packed, contents = make()
    (into / f"{name}.tar.xz").write_bytes(packed)
    (into / f"{name}.json").write_text(
        json.dumps(contents, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )

"""Canary words typed in every field stand in no file of the device, the relay or the temp folder, at no step."""

import base64
import gzip
import hashlib
import io
import json
import logging
import lzma
import marshal
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from fieldapp import bootstrap
from fieldapp.domain.contact import (
    Channel,
    CheckIn,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    Window,
)
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import Override, OverrideCause
from fieldapp.domain.screening import (
    FinishChoice,
    FinishKind,
    Identity,
    Mode,
    MustNotSee,
    Screening,
)
from fieldapp.domain.triage import Band, Level
from fieldapp.domain.unfinished import Hours, OpenContact, OpenRules
from fieldapp.services.case_file import Entry
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR
from sync.client import CentreClient, RelayClient
from sync.receipts import ReceiptKind
from tests.fakes.canary import canary, leaks
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.session.test_phone_keys import Device
from tests.unit.services.conftest import PASSPHRASE, centre, clock, desk, gate, network  # noqa: F401

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Words:
    """Gives out a new canary for every field."""

    def __init__(self) -> None:
        self.used: list[str] = []

    def __call__(self) -> str:
        self.used.append(canary(len(self.used)))
        return self.used[-1]


def filled(screening: Screening, word: Words, clock: FixedClock) -> Screening:  # noqa: F811
    for key in screening.order:
        screening = screening.with_answer(key, Answer.YES).with_note(key, word())
    rules = ContactRules(
        clock.local().replace(second=0),
        never=(Window(0, 60, 120),),
        who_may_answer=word(),
        what_to_say=word(),
        cover_story=word(),
        code_word=word(),
        distress_word=word(),
        check_in=CheckIn(4, word()),
    )
    contact = SafeContact(rules, Channel.CALL, number=word(), contact_person=word())
    return (
        screening.with_identity(Identity(word(), 1990, word(), True, word()))
        .with_safe_contact(contact)
        .with_must_not_see(MustNotSee(person=word()))
        .with_override(Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, word()))
    )


def half_typed(word: Words, clock: FixedClock) -> tuple[OpenContact, OpenRules, set[str]]:  # noqa: F811
    """A contact and rules that are being typed, with every word in them, and those that are dropped at saving."""
    case_id, unsent = b"c" * 16, [word() for _ in range(6)]
    log = OpenContact(
        b"l" * 16, case_id, clock.now(), outcome=Outcome.OTHER, time=unsent[0], note=word(), reason=word()
    )
    made_at = clock.local().replace(second=0)
    rules = ContactRules(made_at, never=(Window(0, 60, 120),), cover_story=word(), code_word=word())
    hours = [Hours(frozenset({1}), *unsent[n : n + 2]) for n in (1, 3)]
    contact = SafeContact(rules, Channel.CALL, number=word(), contact_person=word())
    return log, OpenRules(b"e" * 16, case_id, clock.now(), contact, unsent[5], *hours), set(unsent)


async def test_no_word_that_was_typed_is_readable_anywhere(
    gate: Gate,  # noqa: F811
    centre: ScriptedCentre,  # noqa: F811
    desk: CentreClient,  # noqa: F811
    clock: FixedClock,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    word = Words()
    folders = [tmp_path]

    def nothing_leaks(step: str) -> None:
        assert leaks([*word.used, PASSPHRASE], folders) == [], step
        assert not [w for w in (*word.used, PASSPHRASE) if w in caplog.text], step

    notebook = gate.notebook
    assert notebook
    screening = filled(await notebook.screenings.begin(Mode.OFFICER, language="en"), word, clock)
    await notebook.screenings.save(screening)
    assert len(word.used) > 30
    nothing_leaks("draft")
    begun_log, begun_rules, unsent = half_typed(word, clock)
    await notebook.unfinished.save(begun_log)
    await notebook.unfinished.save(begun_rules)
    nothing_leaks("half typed")
    await gate.lock()
    nothing_leaks("draft, locked")

    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert notebook.unfinished.contacts == (begun_log,)
    assert notebook.unfinished.rules == (begun_rules,)
    record = await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))
    case = await notebook.contacts.open_case(record.record_id, record.alias, screening.safe_contact)
    note, reason = begun_log.note, begun_log.reason
    await notebook.contacts.log(
        case, Entry(Outcome.OTHER, Direction.IN, note=note, reason=reason), begun=begun_log
    )
    await notebook.contacts.set_rules(case, begun_rules.contact, begun=begun_rules)
    nothing_leaks("finished before enrolment")

    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    nothing_leaks("sealed")
    await notebook.delivery.once()
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    nothing_leaks("sent")

    arrived = await centre.pull(desk)
    shown = str([one.body for one in arrived])
    assert all(w in shown for w in set(word.used) - unsent), "the centre can read what was typed"
    assert not any(w in shown for w in unsent), "what was never saved leaves the device"
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.OPENED}
    nothing_leaks("opened")
    await gate.lock()
    nothing_leaks("locked")


async def test_the_relays_database_holds_no_token_no_name_and_no_sender(
    gate: Gate,  # noqa: F811
    centre: ScriptedCentre,  # noqa: F811
    desk: CentreClient,  # noqa: F811
    tmp_path: Path,
) -> None:
    notebook = gate.notebook
    assert notebook
    tokens = await centre.tokens(desk)
    member = centre.member()
    await notebook.book.join(member, centre.trust, tokens)
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    dump = b"".join(file.read_bytes() for file in tmp_path.glob("relay.db*"))
    secrets = [*tokens, centre.read_token, member.device_id, screening.id, screening.alias.encode()]
    for secret in secrets:
        forms = (secret, secret.hex().encode(), base64.urlsafe_b64encode(secret).rstrip(b"="))
        assert not any(form in dump for form in forms)
    envelopes = [entry.envelope for entry, _ in notebook.book.on_the_way]
    assert envelopes
    assert all(envelope[500:600] in dump for envelope in envelopes), "the search would find what is there"


def in_a_zip(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("app/main.py", data)
    return packed.getvalue()


def in_a_database(data: bytes) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE cell (n INTEGER PRIMARY KEY, b BLOB)")
    connection.execute("INSERT INTO cell VALUES (1, ?)", (data,))
    connection.commit()
    return connection.serialize()


def as_a_cached_module(data: bytes) -> bytes:
    return bytes(16) + marshal.dumps(compile(f"SAID = {data!r}", "said.py", "exec"))


FORMS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "upper case": lambda word: word.upper().encode(),
    "latin-1": lambda word: word.encode("latin-1"),
    "utf-16": lambda word: word.encode("utf-16-le"),
    "utf-16, big": lambda word: word.encode("utf-16-be"),
    "hex": lambda word: word.encode().hex().encode(),
    "hex, upper case": lambda word: word.encode().hex().upper().encode(),
    "hex of utf-16": lambda word: word.encode("utf-16-le").hex().encode(),
    "base64": lambda word: base64.b64encode(b"x" + word.encode() + b"yz"),
    "base64 of utf-16": lambda word: base64.b64encode(word.encode("utf-16-le")),
    "base64 for addresses": lambda word: base64.urlsafe_b64encode(b"??>" + word.encode() + b"???"),
    "json": lambda word: json.dumps({"said": word}).encode(),
    "address": lambda word: f"/?said={quote(word)}".encode(),
    "python": lambda word: ascii(word).encode(),
}
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "data/v.db": in_a_database,
    "__pycache__/said.cpython-311.pyc": as_a_cached_module,
    "home/.cache/notebook/said": bytes,
    "home/.local/share/python_keyring/keyring_pass.cfg": lambda data: b"[notebook]\nds = " + data,
    "cwd/core.4711": lambda data: bytes(4096) + data + bytes(4096),
    "temp/tmpabc123": gzip.compress,
    "profile/Cache/data_1": zlib.compress,
    "build/app.zip": in_a_zip,
    "build/outer.zip": lambda data: in_a_zip(in_a_zip(data)),
    "build/data.xz": lzma.compress,
}
"""Each kind of place where something could be left, and how it lies there."""


@pytest.mark.parametrize("place", PLACES)
def test_the_search_finds_a_planted_canary_in_every_form_and_place(tmp_path: Path, place: str) -> None:
    word = canary(7)
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    for form, written in FORMS.items():
        for said in (word, "made up, canoe lantern"):
            file.write_bytes(PLACES[place](b"..." + written(said) + b"..."))
            assert leaks([word, "made up, canoe lantern"], [tmp_path]) == [f"{said} in {file.name}"], form
    file.write_bytes(PLACES[place](b"... made up ... canary ..."))
    assert leaks([word, "made up, canoe lantern"], [tmp_path]) == []


def test_the_search_finds_a_word_in_a_name_and_a_secret_in_every_form(tmp_path: Path) -> None:
    (tmp_path / f"said {canary(7)}").mkdir()
    assert leaks([canary(7)], [tmp_path]) == [f"{canary(7)} in said {canary(7)}"]
    secret = hashlib.sha256(b"made up").digest()
    for data in (secret, secret.hex().encode(), base64.b64encode(b"x" + secret), in_a_zip(secret)):
        (tmp_path / "file").write_bytes(data)
        assert leaks([secret], [tmp_path]) == [f"{secret!s} in file"]


async def test_what_a_key_store_keeps_stands_in_no_file(tmp_path: Path, clock: FixedClock) -> None:  # noqa: F811
    keystore, folder = MemoryKeystore(), tmp_path / "device"
    gate = Gate(folder, keystore, clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)  # noqa: F811
    await gate.create(PASSPHRASE, Settings())
    held = {name: keystore.values[name] for name in ("ds", "bk")}
    await gate.lock()
    await gate.unlock(PASSPHRASE)
    await gate.shut()
    assert all(held.values())
    assert leaks(held.values(), [tmp_path]) == []


async def test_what_the_key_store_of_a_phone_keeps_stands_in_no_file_of_the_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor, where the phone has no key store that works, any entry that was meant for one."""
    for fault in ("", "raises", "forgot"):
        device = Device(tmp_path / f"phone {fault}")
        device.phone.fault = fault
        monkeypatch.setattr(bootstrap, "guarded_gate", device.gate)
        async with device.start() as app:
            assert app.gate.has_keystore is not bool(fault)
            await app.state.create(PASSPHRASE, Settings())
            kept = device.phone.values if not fault else {}
            entries = [base64.b64decode(text) for text in kept.values()]
            texts: list[str | bytes] = [*kept.values(), *entries]
            assert leaks([*texts, PASSPHRASE], [device.folder]) == []
            if fault:
                names = {path.name for path in device.folder.iterdir()}
                assert names - {"v.db-journal", "v.box-journal"} == {"v.box", "v.db", "v.hdr"}

"""Canary words typed in every field stand in no file of the device, the relay or the temp folder, at no step."""

import base64
import logging
import tempfile
from pathlib import Path

import pytest

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
from sync.client import CentreClient
from sync.receipts import ReceiptKind
from tests.fakes.canary import canary, leaks
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
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


def test_the_search_finds_a_planted_canary_in_every_form(tmp_path: Path) -> None:
    word = canary(7)
    for name, data in {
        "plain": b"..." + word.encode() + b"...",
        "utf16": word.encode("utf-16-le"),
        "hex": word.encode().hex().encode(),
        "base64": base64.b64encode(b"x" + word.encode() + b"yz"),
    }.items():
        (tmp_path / "sub").mkdir(exist_ok=True)
        (tmp_path / "sub" / name).write_bytes(data)
        assert leaks([word], [tmp_path]) == [f"{word} in {name}"]
        (tmp_path / "sub" / name).unlink()
    assert leaks([word], [tmp_path]) == []

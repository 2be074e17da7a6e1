"""A screening changes only by returning another one, and only as its instrument allows."""

from datetime import date

import pytest

from fieldapp.assets import default_instrument
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import (
    Basis,
    FinishChoice,
    FinishKind,
    Identity,
    Mode,
    ReasonNotAsked,
    Screening,
    start_screening,
)
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import ScreeningError


def start(mode: Mode = Mode.OUTREACH) -> Screening:
    return start_screening(
        screening_id=bytes(16), alias="heron slate", instrument=default_instrument(), at=5, mode=mode
    )


SEND = FinishChoice(FinishKind.SEND)


def test_nothing_is_asked_at_first() -> None:
    new = start()
    assert (new.gate, new.answer("S01"), new.observing) == (Answer.NOT_ASKED, Answer.NOT_ASKED, False)
    assert new.effective == (Level.SERIOUS, Band.WITHIN_72H)


def test_a_change_leaves_the_old_value_alone() -> None:
    new = start()
    assert new.with_answer("S04", Answer.YES).answer("S04") is Answer.YES
    assert new.answer("S04") is Answer.NOT_ASKED


def test_modes_differ_in_order_only() -> None:
    officer, outreach = start(Mode.OFFICER).order, start().order
    assert officer[0] == "S01"
    assert outreach[0] == "S20"
    assert sorted(officer) == sorted(outreach)


def test_declined_counts_as_unknown_and_a_later_answer_drops_the_reason() -> None:
    declined = start().with_answer("S04", Answer.NOT_ASKED, ReasonNotAsked.DECLINED)
    assert declined.answer("S04") is Answer.UNKNOWN
    answered = declined.with_answer("S04", Answer.YES)
    assert (answered.answer("S04"), dict(answered.reasons)) == (Answer.YES, {})


def test_a_left_over_followup_is_kept_ignored_and_counts_again() -> None:
    now = start().with_answer("S04", Answer.YES).with_followup("S04t", "now")
    assert now.result.band is Band.NOW
    changed = now.with_answer("S04", Answer.NO)
    assert changed.result.band is Band.WITHIN_72H
    assert changed.followups == {"S04t": "now"}
    assert changed.with_answer("S04", Answer.YES).result.band is Band.NOW


def test_followups_notes_bases_and_observations_can_be_cleared() -> None:
    full = (
        start()
        .with_followup("F03w", ("parent", "sibling"))
        .with_note("S03", "made up")
        .with_basis("S03", Basis.SEEN)
        .with_observation("phone", True)
    )
    empty = (
        full.with_followup("F03w", ())
        .with_note("S03", " ")
        .with_basis("S03", None)
        .with_observation("phone", False)
    )
    assert empty == start()
    assert full != start()


def test_notes_are_stored_in_one_form() -> None:
    assert start().with_note("S03", "e\u0301\r\nx\x00\ud800").notes == {"S03": "\u00e9\nx"}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.with_answer("S21", Answer.YES),
        lambda s: s.with_answer("S04", Answer.YES, ReasonNotAsked.DECLINED),
        lambda s: s.with_followup("S15t", "now"),
        lambda s: s.with_followup("S04t", "today"),
        lambda s: s.with_followup("S04t", ("now",)),
        lambda s: s.with_followup("F03w", "parent"),
        lambda s: s.with_followup("F03w", ("parent", "parent")),
        lambda s: s.with_note("S21", "x"),
        lambda s: s.with_note("S01", "x" * 1001),
        lambda s: s.with_basis("S04t", Basis.SAID),
        lambda s: s.with_observation("weather", True),
        lambda s: s.with_position("../x"),
        lambda s: s.with_context(language="Dutch"),
        lambda s: s.with_identity(Identity(birth_year=1850)),
        lambda s: s.with_identity(Identity(name="x" * 121)),
        lambda _: FinishChoice(FinishKind.KEEP_UNTIL),
        lambda _: FinishChoice(FinishKind.SEND, until=date(2026, 12, 1)),
        lambda _: FinishChoice(FinishKind.SEND_WITHOUT_CONSENT, reason="short"),
        lambda _: FinishChoice(FinishKind.SEND, reason="a reason that is not asked for"),
    ],
)
def test_what_the_instrument_or_the_rules_do_not_allow_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ScreeningError):
        change(start())


def test_notes_together_always_fit_an_envelope() -> None:
    full = start()
    for n in range(1, 11):
        full = full.with_note(f"S{n:02}", "x" * 1000)
    with pytest.raises(ScreeningError):
        full.with_note("S11", "x")


def test_police_always_send_and_outreach_chooses() -> None:
    advice = FinishChoice(FinishKind.ADVICE_WITHOUT_IDENTITY)
    with pytest.raises(ScreeningError):
        start(Mode.OFFICER).finished(9, advice, ("oak", "owl"))
    assert not start().finished(9, advice, ("oak", "owl")).carries_identity
    sent = start(Mode.OFFICER).with_position("s05").finished(9, SEND, ("oak", "owl"))
    assert (sent.ended, sent.handover, sent.position) == (9, ("oak", "owl"), "")
    assert sent.carries_identity


def test_a_screening_shows_nothing_in_its_repr() -> None:
    named = start().with_identity(Identity(name="CANARY")).with_note("S01", "CANARY")
    assert "CANARY" not in repr(named) + repr(named.identity)

"""Bodies come back as they went in, and anything else is a CodecError that shows no content."""

import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp import codec
from fieldapp.assets import default_instrument, instrument_for
from fieldapp.domain import contact as c
from fieldapp.domain import screening as s
from fieldapp.domain import unfinished as u
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import OpenOverride, Override, OverrideCause
from fieldapp.domain.strict import clean_text
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import CodecError, ScreeningError

HTP = default_instrument()
RUNS = settings(max_examples=5000 if os.environ.get("FIELDAPP_LONG") else 60, deadline=None)

text = st.text(max_size=20).map(clean_text)
line = text.map(lambda t: t.replace("\n", " "))
filled = line.map(lambda t: clean_text(f"x{t}"))
reason = filled.map(lambda t: clean_text(f"made-up reason {t}"))
times = st.integers(0, 2**40)
ids = st.binary(min_size=16, max_size=16)
days = st.dates(date(2026, 1, 1), date(2100, 1, 1))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1)).map(
    lambda m: m.replace(second=0, microsecond=0, fold=0)
)
pairs = st.sampled_from([None, ("oak", "owl"), ("heron", "slate")])
windows = st.builds(c.Window, st.integers(0, 6), st.integers(0, 700), st.integers(701, 1440))
rules = st.builds(
    c.ContactRules,
    made_at=moments,
    safe=st.lists(st.builds(c.SafeWindow, windows, st.none() | days, st.sampled_from(c.Tie)), max_size=2).map(
        tuple
    ),
    never=st.lists(windows, max_size=2).map(tuple),
    who_may_answer=text,
    what_to_say=text,
    cover_story=text,
    code_word=line,
    distress_word=line,
    voicemail=st.booleans(),
    sms=st.booleans(),
    check_in=st.none() | st.builds(c.CheckIn, st.integers(1, 744), line),
)
safe_contacts = st.builds(
    c.SafeContact, rules, st.none() | st.sampled_from(c.Channel), line, st.sampled_from(c.SeenBy), line
)
identities = st.builds(
    s.Identity, line, st.none() | st.integers(1900, 2100), line, st.none() | st.booleans(), line
)
finishes = st.one_of(
    st.just(s.FinishChoice(s.FinishKind.SEND)),
    st.just(s.FinishChoice(s.FinishKind.ADVICE_WITHOUT_IDENTITY)),
    days.map(lambda day: s.FinishChoice(s.FinishKind.KEEP_UNTIL, until=day)),
    reason.map(lambda why: s.FinishChoice(s.FinishKind.SEND_WITHOUT_CONSENT, reason=why)),
)

open_overrides = st.builds(
    OpenOverride, st.sampled_from(OverrideCause), st.sampled_from(Level), st.sampled_from(Band), text
)
open_finishes = st.builds(s.OpenFinish, st.none() | st.sampled_from(s.FinishKind), st.integers(1, 366), text)


@st.composite
def screenings(draw: st.DrawFn, finished: bool = False) -> s.Screening:
    made = s.Screening(
        id=draw(ids),
        alias=draw(filled),
        instrument=HTP,
        started=draw(times),
        mode=s.Mode.OUTREACH,
        language=draw(st.sampled_from(["en", "ar", "tig"])),
        interpreter=draw(st.sampled_from(s.Interpreter)),
        age_group=draw(st.sampled_from(s.AgeGroup)),
        place=draw(st.sampled_from(s.Place)),
        identity=draw(identities),
        safe_contact=draw(st.none() | safe_contacts),
        must_not_see=s.MustNotSee(frozenset(draw(st.sets(st.sampled_from(s.Agency)))), draw(line)),
        override=draw(
            st.none()
            | st.builds(
                Override,
                st.sampled_from(OverrideCause),
                st.sampled_from(Level),
                st.sampled_from(Band),
                reason,
            )
        ),
        continues=draw(pairs),
        position=draw(st.sampled_from(["", "s05", "safe_contact"])),
    )
    for key in draw(st.lists(st.sampled_from(HTP.answer_keys), max_size=6)):
        answer = draw(st.sampled_from(Answer))
        why = draw(st.none() | st.sampled_from(s.ReasonNotAsked)) if answer is Answer.NOT_ASKED else None
        made = made.with_answer(key, answer, why).with_basis(key, draw(st.sampled_from(s.Basis)))
        made = made.with_note(key, draw(text))
    for key in draw(st.lists(st.sampled_from(sorted(HTP.followups)), max_size=4)):
        followup = HTP.followups[key]
        values = st.sampled_from(sorted(followup.values))
        value = draw(st.lists(values, unique=True).map(tuple)) if followup.several else draw(values)
        made = made.with_followup(key, value)
    for observation in draw(st.sets(st.sampled_from(HTP.observations))):
        made = made.with_observation(observation.id, True)
    if draw(st.booleans()):
        made = made.with_open_override(draw(open_overrides)).with_open_finish(draw(open_finishes))
    if finished or draw(st.booleans()):
        made = made.finished(draw(times), draw(finishes), ("oak", "owl"))
    return made


events = st.builds(
    c.ContactEvent,
    ids,
    ids,
    filled,
    times,
    st.sampled_from(c.Outcome),
    st.sampled_from(c.Direction),
    st.sampled_from(c.Channel),
    st.sampled_from(c.SeenBy),
    st.none() | moments,
    text,
    text,
)
alarms = st.none() | st.builds(
    c.ContactAlarm, st.sampled_from(c.AlarmCause), st.sampled_from(Level), st.sampled_from(Band)
)


open_contacts = st.builds(
    u.OpenContact,
    ids,
    ids,
    times,
    st.sampled_from(u.LogStep),
    st.sampled_from(c.Direction),
    st.none() | st.sampled_from(c.Outcome),
    st.sampled_from(c.Channel),
    st.sampled_from(c.SeenBy),
    st.none() | moments,
    st.none() | days,
    line,
    text,
    text,
)
hours = st.none() | st.builds(
    u.Hours, st.frozensets(st.integers(0, 6)), line, line, st.sampled_from(c.Tie), st.booleans()
)
open_rules = st.builds(u.OpenRules, ids, ids, times, safe_contacts, line, hours, hours)


def assert_plain(value: object) -> None:
    """Only what canonical JSON has: exact types, keys [a-z0-9_]+."""
    if type(value) is dict:
        for key, inner in value.items():
            assert re.fullmatch("[a-z0-9_]+", key)
            assert_plain(inner)
    elif type(value) is list:
        for inner in value:
            assert_plain(inner)
    else:
        assert value is None or type(value) in (str, int, bool)


def through_json(body: object) -> Any:
    assert_plain(body)
    return json.loads(json.dumps(body))


@RUNS
@given(screenings())
def test_a_draft_comes_back_whole(made: s.Screening) -> None:
    assert codec.parse_draft(through_json(codec.draft_body(made)), instrument_for) == made


@RUNS
@given(screenings(finished=True))
def test_a_screening_body_comes_back_without_who_and_where(made: s.Screening) -> None:
    report = codec.parse_screening_body(through_json(codec.screening_body(made)), instrument_for)
    bare = made.with_identity(s.Identity()).with_safe_contact(None).with_position("")
    assert report.screening == bare
    assert report.agrees


@RUNS
@given(screenings())
def test_identity_and_safe_contact_come_back_unless_they_stay(made: s.Screening) -> None:
    identity, contact = codec.identity_body(made), codec.safe_contact_body(made)
    if not made.carries_identity:
        assert (identity, contact) == (None, None)
    if identity is not None:
        assert codec.parse_identity_body(through_json(identity)) == (made.id, made.identity)
    if contact is not None:
        assert codec.parse_safe_contact_body(through_json(contact)) == (made.id, made.safe_contact)


@RUNS
@given(events, alarms)
def test_a_contact_comes_back_with_its_alarm(event: c.ContactEvent, alarm: c.ContactAlarm | None) -> None:
    report = codec.parse_contact_body(through_json(codec.contact_body(event, alarm)))
    assert (report.event, report.claimed) == (event, alarm)


@RUNS
@given(open_contacts | open_rules)
def test_what_was_begun_comes_back_whole(begun: u.Unfinished) -> None:
    assert codec.parse_unfinished(through_json(codec.unfinished_body(begun))) == begun


@RUNS
@given(st.text(max_size=2000))
def test_whatever_is_typed_can_be_stored(typed: str) -> None:
    log = u.OpenContact(
        bytes(16), bytes(16), 0, time=u.line_of(typed), note=u.note_of(typed), reason=u.note_of(typed)
    )
    assert codec.parse_unfinished(through_json(codec.unfinished_body(log))) == log


def full_screening() -> s.Screening:
    rules = c.ContactRules(
        made_at=datetime(2026, 11, 23, 9, 0),
        safe=(c.SafeWindow(c.Window(0, 600, 660), date(2026, 12, 1), c.Tie.SCHOOL),),
        never=(c.Window(1, 1320, 120),),
        cover_story="CANARY",
        check_in=c.CheckIn(24, "CANARY"),
    )
    made = s.start_screening(
        screening_id=bytes(range(16)), alias="heron slate", instrument=HTP, at=5, mode=s.Mode.OUTREACH
    )
    return (
        made.with_answer("S04", Answer.YES)
        .with_answer("S05", Answer.NOT_ASKED, s.ReasonNotAsked.DECLINED)
        .with_followup("S04t", "now")
        .with_followup("F03w", ("parent",))
        .with_basis("S04", s.Basis.SAID)
        .with_note("S04", "CANARY")
        .with_observation("phone", True)
        .with_identity(s.Identity("CANARY", 2001, "CANARY", True, "CANARY"))
        .with_safe_contact(c.SafeContact(rules, c.Channel.CALL, "CANARY"))
        .with_must_not_see(s.MustNotSee(frozenset({s.Agency.SCHOOL}), "CANARY"))
        .with_override(Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, "CANARY CANARY"))
        .with_continues(("oak", "owl"))
        .finished(9, s.FinishChoice(s.FinishKind.SEND), ("heron", "slate"))
    )


FULL = full_screening()
EVENT = c.ContactEvent(
    bytes(16), bytes(16), "heron slate", 5, c.Outcome.DISTRESS_WORD, c.Direction.IN, c.Channel.CALL
)
ALARM = c.ContactAlarm(c.AlarmCause.DISTRESS_WORD, Level.HIGH, Band.NOW)
HALF_MADE = FULL.with_open_finish(s.OpenFinish(s.FinishKind.SEND, 7, "CANARY")).with_open_override(
    OpenOverride(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, "CANARY")
)
OPEN_CONTACT = u.OpenContact(
    bytes(16),
    bytes(16),
    5,
    u.LogStep.NEXT,
    outcome=c.Outcome.OTHER,
    next_safe=datetime(2026, 11, 23, 9, 0),
    day=date(2026, 11, 23),
    time="CANARY",
    note="CANARY",
    reason="CANARY",
)
OPEN_RULES = u.OpenRules(
    bytes(16),
    bytes(16),
    5,
    FULL.safe_contact or c.SafeContact(c.ContactRules(datetime(2026, 11, 23, 9, 0))),
    "CANARY",
    u.Hours(frozenset({0, 6}), "CANARY", "CANARY"),
    u.Hours(),
)
BODIES: dict[str, tuple[Any, Callable[[object], object]]] = {
    "draft": (codec.draft_body(FULL), lambda d: codec.parse_draft(d, instrument_for)),
    "screening": (codec.screening_body(FULL), lambda d: codec.parse_screening_body(d, instrument_for)),
    "identity": (codec.identity_body(FULL), codec.parse_identity_body),
    "safe_contact": (codec.safe_contact_body(FULL), codec.parse_safe_contact_body),
    "contact": (codec.contact_body(EVENT, ALARM), codec.parse_contact_body),
    "half made": (codec.draft_body(HALF_MADE), lambda d: codec.parse_draft(d, instrument_for)),
    "open contact": (codec.unfinished_body(OPEN_CONTACT), codec.parse_unfinished),
    "open rules": (codec.unfinished_body(OPEN_RULES), codec.parse_unfinished),
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with one of its keys or positions, in ``value`` itself."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def refused(parse: Callable[[object], object], body: object) -> bool:
    """Say whether ``body`` is refused with the one error, without showing content."""
    refusal = None
    try:
        parse(body)
    except CodecError as error:
        refusal = str(error)
    assert refusal is None or "CANARY" not in refusal
    return refusal is not None


@pytest.mark.parametrize("name", BODIES)
def test_a_whole_body_is_read(name: str) -> None:
    body, parse = BODIES[name]
    assert not refused(parse, copy.deepcopy(body))


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("wrong", [1.5, -1, "\x00", "e\u0301", [[]], {"x": None}, "CANARY\ud800"], ids=repr)
def test_a_wrong_value_in_any_place_is_refused(name: str, wrong: object) -> None:
    body, parse = BODIES[name]
    for index in range(len(list(places(body)))):
        changed = copy.deepcopy(body)
        container, key = list(places(changed))[index]
        container[key] = wrong
        assert refused(parse, changed), (index, key)


@pytest.mark.parametrize("name", BODIES)
def test_a_missing_or_an_unknown_key_in_any_table_is_refused(name: str) -> None:
    body, parse = BODIES[name]
    maps = ("answers", "followups", "reasons", "bases", "notes")
    for index in range(len(list(places(body)))):
        changed = copy.deepcopy(body)
        container, key = list(places(changed))[index]
        if isinstance(container, dict):
            container["surprise"] = 1
            assert refused(parse, changed)
            del container["surprise"], container[key]
            may_lack = container is changed and key in ("open_override", "open_finish")
            if not may_lack and not any(container is changed.get(m) for m in maps):
                assert refused(parse, changed), key


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_version_is_refused(name: str, version: object) -> None:
    body, parse = BODIES[name]
    assert refused(parse, {**body, "v": version})


@pytest.mark.parametrize("data", [None, [], "x", 5, {1: 2, "v": 1}])
def test_what_is_no_body_at_all_is_refused(data: object) -> None:
    assert all(refused(parse, data) for _, parse in BODIES.values())


@pytest.mark.parametrize(
    "change",
    [
        {"instrument_version": 2},
        {"instrument": "other"},
        {"reasons": {"s04": "declined"}},
        {"ended": None},
        {"finish": None},
        {"handover": ["oak"]},
        {"handover": ["oak", "oak"]},
        {"answers": {"S04": "yes"}},
        {"followups": {"s04t": ["now"]}},
        {"followups": {"f03w": []}},
        {"observations": ["phone", "phone"]},
        {"notes": {"s04": "x" * 1001}},
        {"notes": {f"s{n:02}": "x" * 1000 for n in range(1, 12)}},
    ],
    ids=str,
)
def test_values_that_do_not_fit_together_are_refused(change: dict[str, object]) -> None:
    body, parse = BODIES["screening"]
    assert refused(parse, {**body, **change})


def test_a_screening_body_holds_no_identity_and_no_contact_details() -> None:
    secret = FULL.with_note("S04", "").with_must_not_see(s.MustNotSee()).with_override(None)
    assert "CANARY" not in json.dumps(codec.screening_body(secret))
    assert "CANARY" in json.dumps(codec.draft_body(secret))


def test_advice_without_identity_leaves_both_parts_on_the_device() -> None:
    choice = s.FinishChoice(s.FinishKind.ADVICE_WITHOUT_IDENTITY)
    advice = FULL.finished(9, choice, ("oak", "owl"))
    assert codec.identity_body(advice) is None
    assert codec.safe_contact_body(advice) is None


def test_an_unfinished_screening_cannot_be_sent() -> None:
    with pytest.raises(ScreeningError):
        codec.screening_body(
            s.start_screening(
                screening_id=bytes(16), alias="heron slate", instrument=HTP, at=5, mode=s.Mode.OFFICER
            )
        )


def test_a_result_that_the_desk_does_not_get_itself_is_seen() -> None:
    body, _ = BODIES["screening"]
    forged = {**body, "result": {**body["result"], "level": "CONCERN"}}
    assert not codec.parse_screening_body(forged, instrument_for).agrees


def test_a_distress_word_is_an_alarm_whatever_the_body_claims() -> None:
    report = codec.parse_contact_body(codec.contact_body(EVENT, None))
    assert report.alarm == ALARM


def test_the_largest_screening_fits_the_largest_envelope() -> None:
    full = FULL
    for key in HTP.answer_keys:
        full = full.with_answer(key, Answer.UNKNOWN).with_basis(key, s.Basis.TOLD_BY_OTHER)
    for followup in HTP.followups.values():
        values = tuple(sorted(followup.values))
        full = full.with_followup(followup.key, values if followup.several else values[0])
    for n in range(1, 10):
        full = full.with_note(f"S{n:02}", "\U0001f600" * 1000)
    size = len(json.dumps(codec.screening_body(full), ensure_ascii=False).encode())
    assert size <= 64_164

"""Properties of the rule over random forms, and an independent second writing of the rule's table."""

import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.assets import default_instrument
from fieldapp.domain.instrument import Answer, Kind
from fieldapp.domain.judgement import Override, OverrideCause, effective
from fieldapp.domain.triage import Band, Level, TriageResult, triage

HTP = default_instrument()
LONG = bool(os.environ.get("FIELDAPP_LONG"))
RUNS = settings(max_examples=20_000 if LONG else 120, deadline=None)
ORACLE_FORMS = 1_000_000 if LONG else 20_000

# The oracle: written from the table of the specification, with its own literals, sharing no code.

CRITICAL = ["S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "S12"]
POINTS = {"S01": 2, "S13": 2, "S14": 2, "S15": 2, "S16": 2, "S17": 2, "S18": 1, "S19": 1}
LEVELS = ["CONCERN", "SERIOUS", "HIGH"]
BANDS = ["PLANNED", "72H", "24H", "NOW"]


def oracle(a: dict[str, str], f: dict[str, Any]) -> dict[str, Any]:
    def yes(k: str) -> bool:
        return a.get(k) == "yes"

    out: list[tuple[str, str, str, set[str]]] = []
    for c in CRITICAL:
        if yes(c):
            t = f.get(c + "t", "unknown")
            if c == "S02" or t == "now" or (c in ("S06", "S07", "S08") and t == "le72h"):
                out.append(("R1n", "HIGH", "NOW", {c}))
            elif c in ("S06", "S07", "S08") and t == "later":
                out.append(("R1p", "HIGH", "72H", {c}))
            else:
                out.append(("R1", "HIGH", "24H", {c}))
    if yes("S05") and f.get("F05n") == "yes":
        out.append(("R1s", "HIGH", "24H" if f.get("S05t") in ("le14d", "later") else "NOW", {"F05n"}))
    if yes("S14") and f.get("F14d") == "yes":
        out.append(("R2", "HIGH", "24H", {"F14d"}))
    if yes("S13") and yes("S14"):
        out.append(("R3", "HIGH", "72H" if f.get("S13t") == "old" else "24H", {"S13", "S14"}))
    third = {k for k in ("S16", "S05", "S01") if yes(k)}
    if yes("S17") and yes("S18") and third:
        out.append(("R4", "HIGH", "24H", {"S17", "S18"} | third))
    if yes("S01") and yes("S14"):
        out.append(("R3b", "HIGH", "24H", {"S01", "S14"}))
    if yes("S01"):
        out.append(("R9", "SERIOUS", "24H" if f.get("S01t") in ("now", "le72h") else "72H", {"S01"}))
    points = sum(p for k, p in POINTS.items() if yes(k))
    pointed = {k for k in POINTS if yes(k)}
    if points >= 6:
        out.append(("R5", "HIGH", "72H", pointed))
    elif points >= 3:
        out.append(("R6", "SERIOUS", "72H", pointed))
    missing = {k for k in [*CRITICAL, "S01"] if a.get(k) not in ("yes", "no")}
    if missing:
        out.append(("R7", "SERIOUS", "72H", missing))
    if not yes("G1"):
        out.append(("R8", "SERIOUS", "72H", {"G1"}))
    level = max([LEVELS.index(o[1]) for o in out] or [0])
    band = max([BANDS.index(o[2]) for o in out] or [0])
    unanswered = sum(a.get(k) not in ("yes", "no") for k in {*CRITICAL, *POINTS})
    return {
        "level": LEVELS[level],
        "band": BANDS[band],
        "points": points,
        "unanswered": unanswered,
        "could_be_higher": unanswered > 0 and (level, band) != (2, 3),
        "rules": out,
    }


def plain(result: TriageResult) -> dict[str, Any]:
    return {
        "level": result.level.code,
        "band": result.band.code,
        "points": result.points,
        "unanswered": result.unanswered,
        "could_be_higher": result.could_be_higher,
        "rules": [(r.rule, r.level.code, r.band.code, set(r.items)) for r in result.rules],
    }


def followup_values(key: str) -> st.SearchStrategy[Any]:
    followup = HTP.followups[key]
    values = st.sampled_from(sorted(followup.values))
    return st.lists(values, unique=True).map(tuple) if followup.several else values


# Mostly "no" leaves room for single rules; a flat mix would be HIGH and NOW nearly always.
few_yes = st.sampled_from([Answer.NO] * 8 + [Answer.YES, Answer.YES, Answer.UNKNOWN, Answer.NOT_ASKED])
flat = st.sampled_from(list(Answer))
answers = st.one_of(
    st.fixed_dictionaries({}, optional=dict.fromkeys(HTP.answer_keys, few_yes)),
    st.fixed_dictionaries(dict.fromkeys(HTP.answer_keys, few_yes)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(HTP.answer_keys, flat)),
)
followups = st.fixed_dictionaries({}, optional={k: followup_values(k) for k in HTP.followups})
ITEMS = [i.id for i in HTP.items if i.critical or i.points]
TIMES = [f.key for f in HTP.followups.values() if f.kind in (Kind.TIME_PAST, Kind.TIME_EXPECTED)]


def axes(a: dict[str, Answer], f: dict[str, Any]) -> tuple[Level, Band]:
    result = triage(a, f, HTP)
    return result.level, result.band


def not_above(low: tuple[Level, Band], high: tuple[Level, Band]) -> bool:
    return low[0] <= high[0] and low[1] <= high[1]


def random_form(rng: random.Random) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Make a form whose share of yes, and of keys given at all, differs from form to form."""
    share, given_share = rng.choice([0.05, 0.2, 0.6]), rng.choice([0.5, 1.0])
    other = [Answer.NO, Answer.NO, Answer.NO, Answer.UNKNOWN, Answer.NOT_ASKED]
    if rng.random() < 0.5:
        other = [Answer.NO]
    a = {
        key: Answer.YES if rng.random() < share else rng.choice(other)
        for key in HTP.answer_keys
        if rng.random() < given_share
    }
    f = {
        key: rng.choice(sorted(HTP.followups[key].values))
        for key in [*TIMES, "S13t", "F05n", "F14d"]
        if rng.random() < given_share
    }
    return a, f


def test_the_rule_agrees_with_the_table_on_thousands_of_random_forms() -> None:
    rng = random.Random(20)
    results = set()
    for _ in range(ORACLE_FORMS):
        a, f = random_form(rng)
        got = triage(a, f, HTP)
        assert plain(got) == oracle({k: v.value for k, v in a.items()}, f), (a, f)
        results.add((got.level.code, got.band.code))
    # The forms reach every result that the rule can give.
    assert len(results) == 6


@RUNS
@given(answers, followups, st.sampled_from([*ITEMS, "S20"]))
def test_no_is_at_most_unknown_which_is_not_asked_which_is_at_most_yes(
    a: dict[str, Answer], f: dict[str, Any], item: str
) -> None:
    no, unknown, not_asked, yes = (
        axes(a | {item: answer}, f) for answer in (Answer.NO, Answer.UNKNOWN, Answer.NOT_ASKED, Answer.YES)
    )
    assert unknown == not_asked
    assert not_above(no, unknown)
    assert not_above(unknown, yes)


@RUNS
@given(answers, followups, st.sampled_from(TIMES))
def test_later_is_at_most_unknown_which_is_at_most_now(
    a: dict[str, Answer], f: dict[str, Any], key: str
) -> None:
    a = a | {HTP.followups[key].parent: Answer.YES}
    later, unknown, now = (axes(a, f | {key: value}) for value in ("later", "unknown", "now"))
    missing = axes(a, {k: v for k, v in f.items() if k != key})
    assert missing == unknown
    assert not_above(later, unknown)
    assert not_above(unknown, now)


@RUNS
@given(answers, followups, st.sampled_from(["F05n", "F14d"]))
def test_a_followup_that_fires_only_raises(a: dict[str, Answer], f: dict[str, Any], key: str) -> None:
    assert not_above(axes(a, f | {key: "no"}), axes(a, f | {key: "yes"}))
    assert axes(a, f | {key: "no"}) == axes(a, f | {key: "unknown"})


@RUNS
@given(answers, followups)
def test_discovery_known_to_be_old_only_lowers(a: dict[str, Answer], f: dict[str, Any]) -> None:
    assert not_above(axes(a, f | {"S13t": "old"}), axes(a, f | {"S13t": "unknown"}))


@RUNS
@given(answers, followups)
def test_the_gate_only_raises_when_not_alone(a: dict[str, Answer], f: dict[str, Any]) -> None:
    alone = axes(a | {"G1": Answer.YES}, f)
    assert all(not_above(alone, axes(a | {"G1": gate}, f)) for gate in Answer)


@RUNS
@given(answers, followups)
def test_a_followup_whose_parent_is_not_yes_changes_nothing(a: dict[str, Answer], f: dict[str, Any]) -> None:
    counted = {k: v for k, v in f.items() if a.get(HTP.followups[k].parent) is Answer.YES}
    assert triage(a, f, HTP) == triage(a, counted, HTP)


@RUNS
@given(answers, followups)
def test_keys_that_no_rule_reads_change_nothing(a: dict[str, Answer], f: dict[str, Any]) -> None:
    read = {*TIMES, "S13t", "F05n", "F14d"}
    assert triage(a, f, HTP) == triage(a, {k: v for k, v in f.items() if k in read}, HTP)
    assert triage(a, f, HTP) == triage({k: v for k, v in a.items() if k != "S20"}, f, HTP)


@RUNS
@given(answers, followups)
def test_open_questions_never_clear(a: dict[str, Answer], f: dict[str, Any]) -> None:
    """A form with an open critical item is at least SERIOUS within 72 hours."""
    result = triage(a, f, HTP)
    if any(a.get(i.id) not in (Answer.YES, Answer.NO) for i in HTP.items if i.critical or i.id == "S01"):
        assert not_above((Level.SERIOUS, Band.WITHIN_72H), (result.level, result.band))


@RUNS
@given(answers, followups, st.sampled_from(OverrideCause), st.sampled_from(Level), st.sampled_from(Band))
def test_an_override_never_lowers(
    a: dict[str, Answer], f: dict[str, Any], cause: OverrideCause, level: Level, band: Band
) -> None:
    result = triage(a, f, HTP)
    raised = effective(result, Override(cause, level, band, "a made-up reason"))
    assert not_above((result.level, result.band), raised)
    assert not_above((level, band), raised)


@RUNS
@given(answers, followups)
def test_rules_always_stand_in_the_same_order(a: dict[str, Answer], f: dict[str, Any]) -> None:
    order = ["R1", "R1s", "R2", "R3", "R4", "R3b", "R9", "R5", "R6", "R7", "R8"]
    got = [r.rule for r in triage(a, f, HTP).rules]
    places = [order.index("R1" if rule in ("R1n", "R1p") else rule) for rule in got]
    assert places == sorted(places)

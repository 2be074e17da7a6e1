"""The rule against the published vignettes and its sharp edges."""

import json
from pathlib import Path
from typing import Any

import pytest

from fieldapp.assets import default_instrument
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import Override, OverrideCause, effective, explain, proposed
from fieldapp.domain.triage import Band, Level, TriageResult, strongest, triage
from fieldapp.errors import ScreeningError

HTP = default_instrument()
CASES = json.loads((Path(__file__).parents[2] / "vectors" / "triage-vignettes.json").read_text("utf-8"))
ALL_NO = dict.fromkeys(HTP.answer_keys, Answer.NO) | {"G1": Answer.YES}


def judge(*yes: str, open_: tuple[str, ...] = (), **followups: Any) -> TriageResult:
    answers = ALL_NO | dict.fromkeys(yes, Answer.YES) | dict.fromkeys(open_, Answer.UNKNOWN)
    return triage(answers, followups, HTP)


def fired(result: TriageResult) -> list[tuple[str, str, str]]:
    return [(r.rule, r.band.code, " ".join(r.items)) for r in result.rules]


def test_all_vignettes_are_there() -> None:
    assert len(CASES) == 27


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"].split()[0])
def test_vignette(case: dict[str, Any]) -> None:
    answers = {key: Answer(value) for key, value in case["answers"].items()}
    result = triage(answers, case["followups"], HTP)
    got = {
        "level": result.level.code,
        "immediacy": result.band.code,
        "points": result.points,
        "unanswered": result.unanswered,
        "could_be_higher": result.could_be_higher,
    }
    assert got == case["expect"]
    assert [r.rule for r in result.rules] == case["rules"]


@pytest.mark.parametrize("item", [f"S{n:02}" for n in range(2, 13)])
@pytest.mark.parametrize("time", ["now", "le72h", "le14d", "later", "unknown", None])
def test_each_critical_item_with_each_time(item: str, time: str | None) -> None:
    result = judge(item, **({f"{item}t": time} if time else {}))
    expected = item in ("S06", "S07", "S08")
    if item == "S02" or time == "now" or (expected and time == "le72h"):
        wanted = ("R1n", "NOW", item)
    elif expected and time == "later":
        wanted = ("R1p", "72H", item)
    else:
        wanted = ("R1", "24H", item)
    assert fired(result) == [wanted]
    assert result.level is Level.HIGH


@pytest.mark.parametrize(
    ("time", "band"),
    [("now", "NOW"), ("le72h", "NOW"), ("le14d", "24H"), ("later", "24H"), ("unknown", "NOW")],
)
def test_breath_is_now_unless_known_older_than_72_hours(time: str, band: str) -> None:
    assert ("R1s", band, "F05n") in fired(judge("S05", F05n="yes", S05t=time))


@pytest.mark.parametrize("value", ["no", "unknown"])
def test_breath_and_decision_fire_on_yes_only(value: str) -> None:
    assert [r[0] for r in fired(judge("S05", "S14", F05n=value, F14d=value))] == ["R1"]


def test_left_over_followups_do_not_count() -> None:
    assert judge(F05n="yes", S05t="now", F14d="yes", S04t="now", S01t="now", S13t="le7d") == judge()


@pytest.mark.parametrize(
    ("when", "band"), [("le7d", "24H"), ("old", "72H"), ("unknown", "24H"), (None, "24H")]
)
def test_discovery_with_several_people(when: str | None, band: str) -> None:
    followups = {"S13t": when} if when else {}
    assert fired(judge("S13", "S14", **followups))[0] == ("R3", band, "S13 S14")


@pytest.mark.parametrize("third", ["S16", "S05", "S01"])
def test_control_and_separation_need_a_third(third: str) -> None:
    assert "R4" not in [r[0] for r in fired(judge("S17", "S18"))]
    assert ("R4", "24H", f"S17 S18 {third}") in fired(judge("S17", "S18", third))


@pytest.mark.parametrize(
    ("time", "band"),
    [("now", "24H"), ("le72h", "24H"), ("le14d", "72H"), ("later", "72H"), ("unknown", "72H")],
)
def test_violence_alone_is_serious(time: str, band: str) -> None:
    result = judge("S01", S01t=time)
    assert fired(result) == [("R9", band, "S01")]
    assert result.level is Level.SERIOUS


@pytest.mark.parametrize(
    ("yes", "rule", "points"),
    [
        (("S18", "S19"), [], 2),
        (("S15", "S19"), ["R6"], 3),
        (("S15", "S16", "S19"), ["R6"], 5),
        (("S15", "S16", "S17"), ["R5"], 6),
    ],
)
def test_thresholds_of_points(yes: tuple[str, ...], rule: list[str], points: int) -> None:
    result = judge(*yes)
    assert ([r.rule for r in result.rules], result.points) == (rule, points)
    assert all(r.items == yes for r in result.rules)


def test_r7_lists_open_critical_items_and_violence_but_not_point_items() -> None:
    result = judge(open_=("S01", "S07", "S13", "S20"))
    assert fired(result) == [("R7", "72H", "S01 S07")]
    assert (result.unanswered, result.could_be_higher) == (3, True)


@pytest.mark.parametrize("gate", [Answer.NO, Answer.UNKNOWN, Answer.NOT_ASKED])
def test_r8_fires_when_the_gate_is_anything_but_yes(gate: Answer) -> None:
    result = triage(ALL_NO | {"G1": gate}, {}, HTP)
    assert fired(result) == [("R8", "72H", "G1")]
    assert (result.level, result.could_be_higher) == (Level.SERIOUS, False)


def test_every_rule_at_once_stands_in_the_fixed_order() -> None:
    yes = [i.id for i in HTP.items if i.id != "S12"]
    answers = dict.fromkeys(yes, Answer.YES)
    result = triage(answers, {"F05n": "yes", "F14d": "yes", "S06t": "later"}, HTP)
    order = [r.rule for r in result.rules]
    assert order[:10] == ["R1n", "R1", "R1", "R1", "R1p", *["R1"] * 5]
    assert order[10:] == ["R1s", "R2", "R3", "R4", "R3b", "R9", "R5", "R7", "R8"]
    assert result.points == 14


def test_an_empty_form_is_serious_within_72_hours() -> None:
    result = triage({}, {}, HTP)
    assert (result.level, result.band, result.unanswered) == (Level.SERIOUS, Band.WITHIN_72H, 19)
    assert result.could_be_higher


def test_could_be_higher_only_below_the_top() -> None:
    assert not judge("S02", open_=("S15",)).could_be_higher
    assert judge("S04", open_=("S15",)).could_be_higher


def test_an_override_raises_each_axis_apart_and_never_lowers() -> None:
    result = judge("S04")
    low = Override(OverrideCause.JUDGEMENT, Level.CONCERN, Band.NOW, "made-up reason")
    assert effective(result, low) == (Level.HIGH, Band.NOW)
    assert effective(judge(), None) == (Level.CONCERN, Band.PLANNED)


@pytest.mark.parametrize("reason", ["", "too short", " " * 20, "x" * 501, "line\x00 with a control"])
def test_an_override_needs_a_reason(reason: str) -> None:
    with pytest.raises(ScreeningError) as error:
        Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, reason)
    assert not reason.strip() or reason not in str(error.value)


def test_not_alone_proposes_high_within_24_hours_and_never_less_than_the_rule() -> None:
    assert proposed(OverrideCause.NOT_ALONE, judge()) == (Level.HIGH, Band.WITHIN_24H)
    assert proposed(OverrideCause.NOT_ALONE, judge("S02")) == (Level.HIGH, Band.NOW)
    assert proposed(OverrideCause.NEW_INFORMATION, judge("S01")) == (Level.SERIOUS, Band.WITHIN_72H)


def test_the_strongest_of_several_screenings_sticks_on_each_axis() -> None:
    pairs = [(Level.HIGH, Band.WITHIN_72H), (Level.SERIOUS, Band.WITHIN_24H)]
    assert strongest(pairs) == (Level.HIGH, Band.WITHIN_24H)
    assert strongest([]) == (Level.CONCERN, Band.PLANNED)


def test_an_explanation_names_answers_the_most_urgent_first_and_each_once() -> None:
    answers = ALL_NO | dict.fromkeys(("S13", "S14", "S04"), Answer.YES) | {"S15": Answer.UNKNOWN}
    followups = {"F14d": "yes", "S04t": "now", "S13t": "le7d"}
    lines = explain(triage(answers, followups, HTP), answers, followups, HTP)
    assert [(r.key, r.value, r.time) for r in lines] == [
        ("S04", "yes", "now"),
        ("F14d", "yes", None),
        ("S13", "yes", "le7d"),
        ("S14", "yes", None),
    ]


def test_an_explanation_of_open_questions_alone_names_them() -> None:
    answers = ALL_NO | {"S03": Answer.UNKNOWN}
    lines = explain(triage(answers, {}, HTP), answers, {}, HTP)
    assert [(r.rule, r.key, r.value) for r in lines] == [("R7", "S03", "unknown")]

"""``fieldapp triage``: every malformed input is one line that names the field, never a traceback."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.errors import InputError
from fieldapp.triage_command import run_triage

VECTORS = Path(__file__).parents[1] / "vectors" / "triage-vignettes.json"


def test_a_form_gives_an_object_with_the_agreed_keys() -> None:
    out = json.loads(run_triage('{"answers": {"S04": "yes", "G1": "yes"}, "followups": {"S04t": "now"}}'))
    assert list(out) == ["level", "immediacy", "points", "unanswered", "could_be_higher", "rules"]
    assert (out["level"], out["immediacy"], out["points"], out["unanswered"]) == ("HIGH", "NOW", 0, 18)
    assert out["rules"][0] == {"rule": "R1n", "level": "HIGH", "immediacy": "NOW", "items": ["S04"]}


def test_a_list_gives_a_list_and_the_file_of_vignettes_can_be_read_as_it_is() -> None:
    cases = json.loads(VECTORS.read_bytes())
    out = json.loads(run_triage(VECTORS.read_bytes()))
    assert [o["immediacy"] for o in out] == [c["expect"]["immediacy"] for c in cases]
    assert json.loads(run_triage("[]")) == []


def test_every_key_of_the_instrument_is_accepted_also_those_that_no_rule_reads() -> None:
    form = {
        "answers": {"S20": "no", "S03": "yes"},
        "followups": {"F20c": "no", "S02t": "now", "S03t": "now", "F03w": ["parent"], "F10n": "unknown"},
    }
    assert json.loads(run_triage(json.dumps(form)))["rules"][0]["rule"] == "R1n"


def test_followups_may_be_absent_and_a_byte_order_mark_is_harmless() -> None:
    assert json.loads(run_triage(b'\xef\xbb\xbf{"answers": {}}'))["unanswered"] == 19


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("", "the file"),
        ("{", "the file"),
        ('{"answers": {}} x', "the file"),
        ("'", "the file"),
        (b"\xff{}", "the file: is not UTF-8"),
        ("[" * 100_000, "the file: is nested too deeply"),
        ('{"answers": ' + "[" * 100_000, "the file: is nested too deeply"),
        ('{"answers": ' + "9" * 10_000 + "}", "answers: must be an object"),
        ("1e999", "the form"),
        ("null", "the form"),
        ("true", "the form"),
        ("3", "the form"),
        ('"yes"', "the form"),
        ("NaN", "the form"),
        ("-Infinity", "the form"),
        ("[[]]", "[0]"),
        ("[null]", "[0]"),
        ("{}", "answers: is missing"),
        ('{"followups": {}}', "answers: is missing"),
        ('[{"answers": {}}, {}]', "[1].answers: is missing"),
        ('{"answers": null}', "answers: must be an object"),
        ('{"answers": []}', "answers: must be an object"),
        ('{"answers": {}, "followups": null}', "followups: must be an object"),
        ('{"answers": {}, "followups": []}', "followups: must be an object"),
        ('{"answers": {}, "follow_ups": {}}', '"follow_ups": is not known'),
        ('{"answers": {}, "answers": {}}', "the form.answers: stands there twice"),
        ('{"answers": {"S01": "no", "S01": "yes"}}', "answers.S01: stands there twice"),
        ('{"answers": {}, "followups": {"F05n": "no", "F05n": "yes"}}', "followups.F05n: stands there twice"),
        ('{"answers": {"S21": "yes"}}', "answers.S21"),
        ('{"answers": {"s01": "yes"}}', "answers.s01"),
        ('{"answers": {"": "yes"}}', 'answers.""'),
        ('{"answers": {"S04t": "now"}}', "answers.S04t"),
        ('{"answers": {"S01": "Yes"}}', "answers.S01: must be yes"),
        ('{"answers": {"S01": ""}}', "answers.S01"),
        ('{"answers": {"S01": null}}', "answers.S01"),
        ('{"answers": {"S01": true}}', "answers.S01"),
        ('{"answers": {"S01": 1}}', "answers.S01"),
        ('{"answers": {"S01": NaN}}', "answers.S01"),
        ('{"answers": {"S01": ["yes"]}}', "answers.S01"),
        ('{"answers": {"S01": {"yes": 1}}}', "answers.S01"),
        ('{"answers": {"G1": "maybe"}}', "answers.G1"),
        ('{"answers": {}, "followups": {"S15t": "now"}}', "followups.S15t"),
        ('{"answers": {}, "followups": {"F99x": "yes"}}', "followups.F99x"),
        ('{"answers": {}, "followups": {"S04": "yes"}}', "followups.S04"),
        ('{"answers": {}, "followups": {"S04t": "today"}}', "followups.S04t: must be one of"),
        ('{"answers": {}, "followups": {"S04t": 5}}', "followups.S04t"),
        ('{"answers": {}, "followups": {"S04t": ["now"]}}', "followups.S04t"),
        ('{"answers": {}, "followups": {"S13t": "now"}}', "followups.S13t"),
        ('{"answers": {}, "followups": {"F05n": "not_asked"}}', "followups.F05n"),
        ('{"answers": {}, "followups": {"F03w": "parent"}}', "followups.F03w: must be a list"),
        (
            '{"answers": {}, "followups": {"F03w": ["parent", "parent"]}}',
            "followups.F03w: holds a value twice",
        ),
        ('{"answers": {}, "followups": {"F03w": [["parent"]]}}', "followups.F03w"),
        ('{"answers": {"S\\n01": "yes"}}', 'answers."S\\n01"'),
        ('{"answers": {"\\ud800": "yes"}}', 'answers."\\ud800"'),
        ('{"answers": {"' + "x" * 5000 + '": "yes"}}', 'answers."xxx'),
    ],
)
def test_bad_input_is_one_printable_line_that_names_the_field(source: str | bytes, field: str) -> None:
    with pytest.raises(InputError) as error:
        run_triage(source)
    message = error.value.diagnostics()
    assert field in message
    assert message.isprintable()
    assert message.isascii()
    assert len(message) < 300


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["answers", "followups", "S01", "S04t", "F03w", "G1"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(anything.map(json.dumps) | st.text(max_size=30) | st.binary(max_size=30))
def test_whatever_comes_in_there_is_a_result_or_an_input_error(source: str | bytes) -> None:
    refusal = ""
    try:
        json.loads(run_triage(source))
    except InputError as error:
        refusal = error.diagnostics()
    assert refusal.isprintable()

"""The instrument's file: complete, in four languages, and precise about what is wrong with it."""

import re
from pathlib import Path

import pytest

from fieldapp.assets import assets_dir, default_instrument, instrument_for
from fieldapp.domain.instrument import Asked, Kind, Language, Texts
from fieldapp.domain.instrument_file import load_instrument
from fieldapp.errors import InstrumentError

SOURCE = (assets_dir() / "instruments" / "htp-q20.toml").read_text(encoding="utf-8")
HTP = default_instrument()


def load_changed(old: str, new: str, count: int = 1) -> None:
    assert old in SOURCE, f"the test no longer matches the file: {old}"
    load_instrument(SOURCE.replace(old, new, count).encode())


def test_twenty_items_in_the_order_of_the_table_with_its_weights() -> None:
    assert [i.id for i in HTP.items] == [f"S{n:02}" for n in range(1, 21)]
    assert {i.id for i in HTP.items if i.critical} == {f"S{n:02}" for n in range(2, 13)}
    points = {i.id: i.points for i in HTP.items if i.points}
    assert points == {"S01": 2, "S13": 2, "S14": 2, "S15": 2, "S16": 2, "S17": 2, "S18": 1, "S19": 1}


def test_time_is_asked_at_once_under_every_critical_item_except_s02_and_s03() -> None:
    asked = {i.id for i in HTP.items if i.time and i.time.asked is Asked.AT_ONCE}
    assert asked == {"S01", *(f"S{n:02}" for n in range(4, 13))}
    assert all(HTP.by_id[k].time.asked is Asked.NEVER for k in ("S02", "S03"))  # type: ignore[union-attr]
    assert {i.id for i in HTP.items if i.expected} == {"S06", "S07", "S08"}


def test_every_time_accepts_all_five_values_even_where_fewer_are_offered() -> None:
    times = [f for f in HTP.followups.values() if f.kind in (Kind.TIME_PAST, Kind.TIME_EXPECTED)]
    assert len(times) == 12
    assert all(f.values == {"now", "le72h", "le14d", "later", "unknown"} for f in times)
    assert [o.value for o in HTP.followups["S09t"].options] == ["now", "unknown"]


def test_rule_keys_of_the_specification_exist() -> None:
    keys = {"S13t", "F05n", "F14d", "F10n", "F18f", "F18b", "F20c"}
    assert keys <= set(HTP.followups)
    assert HTP.followups["S13t"].values == {"le7d", "old", "unknown"}
    for key in keys - {"S13t"}:
        assert HTP.followups[key].values == {"yes", "no", "unknown"}


def test_nothing_is_reviewed_yet() -> None:
    assert not any(HTP.is_reviewed(part, lang) for part in ("prompt", "say") for lang in Language)


def test_quiet_keywords_hold_no_word_that_harms_when_read_over_a_shoulder() -> None:
    telling = re.compile(
        r"death|kill|threat|violen|weapon|abuse|marr|suicid|cut|dood|doding|geweld|bedreig|wapen|huwelijk|"
        r"mort|tué|menac|arme|mariage|excis|tod|gewalt|waffe|heirat|drohung|beschneid|zelfdoding|famil",
        re.IGNORECASE,
    )
    quiet = [i.quiet for i in HTP.items] + [o.keyword for o in HTP.observations]
    quiet += [f.quiet for f in HTP.followups.values() if f.quiet]
    for texts in quiet:
        for language in Language:
            assert not telling.search(texts[language]), texts[language]


def test_no_text_asks_why_or_names_honour_religion_or_orientation() -> None:
    banned = re.compile(
        r"\bwhy\b|\bwaarom\b|\bpourquoi\b|\bwarum\b|honou?r\b|\beer\b|\bhonneur\b|\behre\b|muslim|islam|"
        r"nationalit|ethni|\bgay\b|homo|lesb",
        re.IGNORECASE,
    )
    assert [line for line in SOURCE.splitlines() if banned.search(line)] == []


def test_prompts_are_those_of_the_table() -> None:
    assert HTP.by_id["S13"].prompt["fr"].startswith("La famille a-t-elle découvert ou appris")
    assert HTP.by_id["S04"].prompt["en"] == "Death threats to them, partner or child?"
    assert HTP.band_labels["24h"]["de"] == "Innerhalb von 24 Stunden"


def test_texts_refuse_a_language_that_we_do_not_have() -> None:
    with pytest.raises(ValueError):
        _ = Texts("a", "b", "c", "d")["it"]


def test_a_draft_finds_the_version_that_made_it_and_no_other() -> None:
    assert instrument_for("htp-q20", 1).id == "htp-q20"
    for wrong in (("htp-q20", 2), ("other", 1)):
        with pytest.raises(InstrumentError):
            instrument_for(*wrong)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "S04"', 'id = "S03"', "S03"),
        ('key = "S04t"', 'key = "S05t"', "followup[0].key"),
        ('label = { en = "Death threats", nl =', 'label = { en = "Death threats", xx =', "item.S04.label.nl"),
        ('prompt.fr = "Souhaite de l', 'prompt.it = "Souhaite de l', "item.S20.prompt.fr: is missing"),
        ("points_total = 14", "points_total = 15", "rules.points_total"),
        ("points_high = 6", "points_high = 2", "rules.points_high"),
        ('violence = "S01"', 'violence = "S99"', "rules.violence"),
        ('decided = "F14d"', 'decided = "F05n"', "rules.decided"),
        ('breath = "F05n"', 'breath = "F01c"', "rules.breath"),
        ('trigger_old = "old"', 'trigger_old = "older"', "rules.trigger_old"),
        ('always_now = ["S02"]', 'always_now = ["S01"]', "rules.always_now"),
        ('cluster = ["S16",', 'cluster = ["S66",', "rules.cluster"),
        ("critical = true\npoints = 0", "critical = true\npoints = 1", "item.S02.critical"),
        ("points = 2\n", 'points = "2"\n', "item.S01.points"),
        ('"S11", "S12", "S13"', '"S11", "S11", "S13"', "order.officer"),
        ('asked = "at_once"', 'asked = "sometimes"', "asked: must be one of"),
        ('  { value = "later"', '  { value = "latest"', "options: do not fit"),
        ("[rules]", "[rules]\nsurprise = 1", "rules.surprise: is not known here"),
        ('id = "talk"', 'id = "health"', "stands there twice"),
        ('quiet = { en = "Meeting?"', 'quieter = { en = "Meeting?"', "quiet: is missing"),
        ("version = 1", "version = 0", "version"),
        ("say = { en = false", 'say = { en = "no"', "reviewed.say.en"),
        ('id = "htp-q20"', 'id = "htp-q20', "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_table_and_the_key(old: str, new: str, message: str) -> None:
    with pytest.raises(InstrumentError, match=re.escape(message)):
        load_changed(old, new)


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InstrumentError):
        load_instrument(b"\xff\xfe")


def test_the_file_itself_lies_where_packages_and_checkouts_have_it() -> None:
    assert Path(assets_dir()).name == "assets"

"""Deadlines, actions, cards, words: what stands around the rule."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from fieldapp.assets import actions, alias_words, cards, default_instrument, default_law, handover_words
from fieldapp.domain import deadlines
from fieldapp.domain.actions import action_ids, child_protection
from fieldapp.domain.ids import handover_pair, new_alias, parse_handover
from fieldapp.domain.instrument import Answer, Language
from fieldapp.domain.judgement import Override, OverrideCause
from fieldapp.domain.law import load_law
from fieldapp.domain.screening import AgeGroup, Mode, Screening, start_screening
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import AssetError, FieldappError
from fieldapp.system import SystemClock, SystemIds

BRUSSELS = ZoneInfo("Europe/Brussels")
DAY = 24 * 3600
NOON = 1_795_000_000


def screening(*yes: str, **followups: str | tuple[str, ...]) -> Screening:
    made = start_screening(
        screening_id=bytes(16), alias="heron slate", instrument=default_instrument(), at=0, mode=Mode.OFFICER
    )
    for key in made.instrument.answer_keys:
        made = made.with_answer(key, Answer.YES if key in yes or key == "G1" else Answer.NO)
    for key, value in followups.items():
        made = made.with_followup(key, value)
    return made


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (screening("S04", S04t="now"), ("stay_and_call", "safe_way", "do_not_inform")),
        (screening("S05", F05n="yes", S05t="later"), ("medical_check", "call_the_centre", "safe_way")),
        (screening("S01", F01c=("medical", "sexual")), ("medical_check", "sexual_care", "safe_way")),
        (screening("S02", "S12", S12t="now"), ("stay_and_call", "youth_before_parents", "sleeping_place")),
        (screening("S11"), ("not_left_alone", "call_the_centre", "safe_way")),
        (screening("S06", S06t="le14d"), ("before_travel", "call_the_centre", "safe_way")),
        (screening(), ("safe_way", "do_not_inform")),
    ],
)
def test_at_most_three_actions_in_a_fixed_order(made: Screening, wanted: tuple[str, ...]) -> None:
    assert action_ids(made) == wanted


def test_a_raise_by_the_worker_changes_the_actions() -> None:
    raised = screening().with_override(
        Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, "made-up reason")
    )
    assert action_ids(raised)[0] == "stay_and_call"


def test_any_minor_at_serious_and_any_child_in_s12_or_s08_calls_for_child_protection() -> None:
    def due(made: Screening) -> bool:
        return child_protection(made, made.effective[0])

    minor = screening("S01").with_context(age_group=AgeGroup.MINOR)
    assert due(minor)
    assert not due(minor.with_answer("S01", Answer.NO))
    assert due(screening("S12"))
    assert not due(screening("S12", F12a=("adult",)))
    assert due(screening("S12", F12a=("adult", "unborn")))
    assert due(screening("S08"))
    assert due(screening("S08", F08w=("self",)))
    assert not due(screening("S08", F08w=("self",)).with_context(age_group=AgeGroup.ADULT))


def test_every_guidance_text_can_be_filled_in_every_language() -> None:
    texts = [action.text for action in actions().values()]
    texts += [text for card in cards().values() for text in (card.title, *card.lines)]
    for text in texts:
        for language in Language:
            filled = default_law().fill(text[language], language)
            assert "{" not in filled
            assert "!" not in filled
    assert len(cards()["do_not"].lines) == 8


def test_a_law_file_without_emergency_numbers_is_refused() -> None:
    with pytest.raises(AssetError, match="medical_number"):
        load_law(b'country="xx"\nversion=1\ndate=2026-01-01\nbasis=[]\n[numbers]\n[services]\n')
    with pytest.raises(AssetError):
        default_law().fill("{unheard_of}", "en")


def test_time_counts_from_the_end_unless_the_clock_is_implausible() -> None:
    assert deadlines.counted_from(NOON - DAY, NOON) == deadlines.Start(NOON - DAY, False)
    for wrong in (0, NOON + 3600, NOON - 400 * DAY):
        assert deadlines.counted_from(wrong, NOON) == deadlines.Start(NOON, True)


def test_time_to_act() -> None:
    assert [deadlines.due_at(band, 0) for band in Band] == [14 * DAY, 3 * DAY, DAY, 0]


def test_time_to_acknowledge_and_the_second_alert_at_half_of_it() -> None:
    friday = datetime(2026, 11, 20, 17, 0, tzinfo=BRUSSELS)
    assert deadlines.acknowledge_by(Band.NOW, friday) == friday.replace(minute=15)
    assert deadlines.acknowledge_by(Band.WITHIN_24H, friday) == friday.replace(hour=21)
    assert deadlines.alert_again_at(Band.WITHIN_24H, friday) == friday.replace(hour=19)
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=BRUSSELS)
    assert deadlines.acknowledge_by(Band.WITHIN_72H, friday) == monday
    assert deadlines.acknowledge_by(Band.WITHIN_72H, friday, {date(2026, 11, 23)}).day == 24


def test_four_hours_are_four_hours_when_summer_time_begins() -> None:
    night = datetime(2027, 3, 28, 1, 0, tzinfo=BRUSSELS)
    assert deadlines.acknowledge_by(Band.WITHIN_24H, night).hour == 6


def test_word_lists_are_long_enough_distinct_and_plain() -> None:
    for words, least in ((alias_words(), 512), (handover_words(), 1024)):
        assert len(set(words)) == len(words) >= least
        assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


class FixedIds:
    """Chance that gives the numbers it was told, then zeros."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def new_id(self) -> bytes:
        return bytes(16)

    def below(self, limit: int) -> int:
        return (self.numbers.pop(0) if self.numbers else 0) % limit


def test_an_alias_is_two_words_and_never_one_that_is_taken() -> None:
    words = alias_words()
    first = new_alias(FixedIds(), words, ())
    assert first == f"{words[0]} {words[1]}"
    assert new_alias(FixedIds(0, 0, 4, 4), words, {first}) == f"{words[4]} {words[5]}"
    with pytest.raises(FieldappError):
        new_alias(FixedIds(), words, {first})
    with pytest.raises(FieldappError):
        new_alias(FixedIds(), words[:100], ())


def test_a_handover_pair_can_be_typed_back_in_any_shape() -> None:
    pair = handover_pair(SystemIds(), handover_words())
    assert pair[0] != pair[1]
    assert parse_handover(f"  {pair[0].upper()} - {pair[1]} ", handover_words()) == pair
    for wrong in ("", pair[0], f"{pair[0]} xyzzyx", f"{pair[0]} {pair[1]} {pair[0]}"):
        assert parse_handover(wrong, handover_words()) is None


def test_system_clock_and_ids() -> None:
    assert len({SystemIds().new_id() for _ in range(50)}) == 50
    assert SystemClock().local().tzinfo is None
    assert SystemClock().now() > deadlines.EARLIEST_PLAUSIBLE - 365 * DAY

"""What to do now: at most three actions for a result, and the cards that go with hard moments.

Which actions come first is decided here, their words are data (``assets/guidance``) with placeholders
that the country's law file fills. The order is fixed, so that the same answers give the same actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fieldapp.domain.instrument import Texts
from fieldapp.domain.instrument_file import read_texts
from fieldapp.domain.screening import AgeGroup, Screening
from fieldapp.domain.strict import Fields, parse_toml
from fieldapp.domain.triage import Band, Form, Level
from fieldapp.errors import AssetError

MOST_ACTIONS = 3
"""A person at the scene can act on three things, not on ten."""

ACTION_IDS = (
    "stay_and_call",
    "medical_check",
    "youth_before_parents",
    "not_left_alone",
    "sexual_care",
    "sleeping_place",
    "before_travel",
    "call_the_centre",
    "safe_way",
    "do_not_inform",
)
"""Every action, the most urgent first; the data file has exactly these."""

CARD_IDS = ("opening", "observation", "interpreter", "call", "distress", "do_not")
"""Every card; the data file has exactly these."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do; ``text`` is one sentence and may hold placeholders for ``Law.fill``."""

    id: str
    text: Texts


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a few lines for one moment; the lines may hold placeholders for ``Law.fill``."""

    id: str
    title: Texts
    lines: tuple[Texts, ...]


def action_ids(screening: Screening) -> tuple[str, ...]:
    """Return the ids of the at most three actions for a screening, the most urgent first.

    They follow the effective level and band, so a raise by the worker changes them too.
    """
    wanted = set(_wanted(screening))
    return tuple(action for action in ACTION_IDS if action in wanted)[:MOST_ACTIONS]


def _wanted(screening: Screening) -> Iterator[str]:
    form = Form(screening.counted_answers, screening.followups, screening.instrument)
    level, band = screening.effective
    care = _several(form, "F01c")
    if band is Band.NOW:
        yield "stay_and_call"
    if form.value("F05n") == "yes" or "medical" in care:
        yield "medical_check"
    if child_protection(screening, level):
        yield "youth_before_parents"
    if form.yes("S11"):
        yield "not_left_alone"
    if "sexual" in care:
        yield "sexual_care"
    if form.yes("S02"):
        yield "sleeping_place"
    if any(form.value(key) in ("now", "le72h", "le14d") for key in ("S06t", "S07t", "S08t")):
        yield "before_travel"
    if band is Band.WITHIN_24H:
        yield "call_the_centre"
    yield "safe_way"
    yield "do_not_inform"


def child_protection(screening: Screening, level: Level) -> bool:
    """Say whether a parallel child-protection decision is due.

    Any minor at SERIOUS or above, or any child in S12 or S08: the youth magistrate or service hears of it
    before there is any contact with the parents. S12 about adults only, and S08 about an adult person
    only, name no child.
    """
    form = Form(screening.counted_answers, screening.followups, screening.instrument)
    minor = screening.age_group is AgeGroup.MINOR and level >= Level.SERIOUS
    child_in_s12 = form.yes("S12") and _several(form, "F12a") != {"adult"}
    adult_self = screening.age_group is AgeGroup.ADULT and _several(form, "F08w") == {"self"}
    return minor or child_in_s12 or (form.yes("S08") and not adult_self)


def _several(form: Form, key: str) -> set[str]:
    value = form.value(key)
    return set(value) if isinstance(value, tuple) else set()


def load_actions(data: bytes) -> dict[str, Action]:
    """Read the actions (TOML), by id. Raises AssetError that names the table and the key."""
    root = Fields(parse_toml(data, AssetError), "", AssetError)
    table = root.table("action")
    actions = {name: Action(name, read_texts(table, name)) for name in ACTION_IDS}
    table.done()
    root.done()
    return actions


def load_cards(data: bytes) -> dict[str, Card]:
    """Read the cards (TOML), by id. Raises AssetError that names the table and the key."""
    root = Fields(parse_toml(data, AssetError), "", AssetError)
    cards = {name: _card(name, root.table(name)) for name in CARD_IDS}
    root.done()
    return cards


def _card(name: str, table: Fields) -> Card:
    lines: list[Texts] = []
    for entry in table.tables("lines"):
        texts = {language: entry.text(language) for language in ("en", "nl", "fr", "de")}
        entry.done()
        lines.append(Texts(**texts))
    card = Card(name, read_texts(table, "title"), tuple(lines))
    table.done()
    return card

"""Reading an instrument's TOML file, strictly: nothing is missing, nothing is left over, and all of it fits together.

From the outside in: the file, its items with their follow-ups, then the tables around them. What no screen and no rule
could notice later is refused here: an item that no order names, an option that nobody accepts, a sum of points that is
not the sum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fieldapp.domain.instrument import (
    TIME_KINDS,
    Answer,
    Asked,
    FollowUp,
    Gate,
    Instrument,
    Item,
    Kind,
    Language,
    Observation,
    Option,
    RuleData,
    Texts,
    Time,
)
from fieldapp.domain.strict import Fields, parse_toml
from fieldapp.errors import InstrumentError

_TIMES = frozenset(t.value for t in Time)
_YES_NO_UNKNOWN = frozenset({"yes", "no", "unknown"})
_TEXT_PARTS = ("prompt", "say")
_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_VALUE = re.compile(r"[a-z][a-z0-9_]{0,30}")


def load_instrument(data: bytes) -> Instrument:
    """Read and validate an instrument's TOML file.

    Raises InstrumentError that names the table and the key: unknown or missing keys, a text without one
    of the four languages, an id used twice, a rule that refers to nothing, weights that do not add up.
    """
    root = Fields(parse_toml(data, InstrumentError), "", InstrumentError)
    option_sets = _option_sets(root.table("options"))
    quiet_times = root.table("quiet")
    quiet = {kind: read_texts(quiet_times, kind) for kind in (Kind.TIME_PAST, Kind.TIME_EXPECTED)}
    quiet_times.done()
    items = tuple(_item(table, option_sets, quiet) for table in root.tables("item"))
    by_id = {item.id: item for item in items}
    followups = {f.key: f for item in items for f in item.followups}
    gate = _gate(root.table("gate"))
    _refuse_shared_keys([gate.id, *(i.id for i in items), *(f.key for i in items for f in i.followups)])
    orders = root.table("order")
    labels = root.table("labels")
    instrument = Instrument(
        id=_matching(root, "id", _ID),
        version=root.integer("version", 1),
        title=read_texts(root, "title"),
        reviewed=_reviewed(root.table("reviewed")),
        gate=gate,
        items=items,
        observations=tuple(_observations(root)),
        officer_order=_order(orders, "officer", by_id),
        outreach_order=_order(orders, "outreach", by_id),
        answer_labels=_labels(labels, "answers", [a.value for a in Answer]),
        level_labels=_labels(labels, "levels", ["concern", "serious", "high"]),
        band_labels=_labels(labels, "bands", ["planned", "72h", "24h", "now"]),
        rules=_rules(root.table("rules"), by_id, followups),
        by_id=by_id,
        followups=followups,
    )
    for table in (orders, labels, root):
        table.done()
    return instrument


def read_texts(table: Fields, key: str) -> Texts:
    """Take a text in all four languages from ``table`` (also used by the other data files)."""
    languages = table.table(key)
    texts = Texts(**{lang.value: languages.text(lang.value) for lang in Language})
    languages.done()
    return texts


def _matching(table: Fields, key: str, pattern: re.Pattern[str]) -> str:
    value = table.text(key)
    if not pattern.fullmatch(value):
        table.fail(key, f"must match {pattern.pattern}")
    return value


def _refuse_shared_keys(keys: list[str]) -> None:
    """Keys travel in lower case, so they must differ in more than case."""
    seen: set[str] = set()
    for key in keys:
        if key.lower() in seen:
            raise InstrumentError(f"{key}: stands there twice")
        seen.add(key.lower())


def _gate(table: Fields) -> Gate:
    gate = Gate(
        id=_matching(table, "id", re.compile("G[0-9]")),
        prompt=read_texts(table, "prompt"),
        say=read_texts(table, "say"),
        hint=read_texts(table, "hint"),
    )
    table.done()
    return gate


def _option(table: Fields) -> Option:
    value = _matching(table, "value", _VALUE)
    option = Option(value, Texts(**{lang.value: table.text(lang.value) for lang in Language}))
    table.done()
    return option


def _options(table: Fields, key: str) -> tuple[Option, ...]:
    options = tuple(_option(entry) for entry in table.tables(key))
    if len({option.value for option in options}) != len(options) or not options:
        table.fail(key, "must hold at least one option and none twice")
    return options


def _option_sets(table: Fields) -> dict[str, tuple[Option, ...]]:
    return {name: _options(table, name) for name in table.names()}


def _followup(
    table: Fields, parent: str, sets: Mapping[str, tuple[Option, ...]], quiet: Mapping[Kind, Texts]
) -> FollowUp:
    key = _matching(table, "key", re.compile(rf"{parent}t|F{parent[1:]}[a-z]"))
    kind = table.member("kind", Kind)
    options = _options(table, "options") if table.has("options") else sets.get(_set_name(table, kind), ())
    if (kind in TIME_KINDS) and key != f"{parent}t":
        table.fail("kind", "a time follow-up has the item's id plus t as its key")
    values = frozenset(option.value for option in options)
    fixed = {Kind.TIME_PAST: _TIMES, Kind.TIME_EXPECTED: _TIMES, Kind.YES_NO_UNKNOWN: _YES_NO_UNKNOWN}
    allowed = fixed.get(kind, values)
    if not values or not values <= allowed:
        table.fail("options", f"do not fit a follow-up of kind {kind}")
    asked = table.member("asked", Asked)
    quiet_text = read_texts(table, "quiet") if table.has("quiet") else quiet.get(kind)
    if asked is Asked.AT_ONCE and quiet_text is None:
        table.fail("quiet", "is missing: what is asked at once needs a keyword for quiet mode")
    followup = FollowUp(key, parent, kind, asked, read_texts(table, "prompt"), quiet_text, options, allowed)
    table.done()
    return followup


def _set_name(table: Fields, kind: Kind) -> str:
    """Name the shared option set: given as ``set``, or the one named after the kind."""
    return table.text("set") if table.has("set") else kind.value


def _item(table: Fields, sets: Mapping[str, tuple[Option, ...]], quiet: Mapping[Kind, Texts]) -> Item:
    item_id = _matching(table, "id", re.compile("S[0-9]{2}"))
    table = table.renamed(f"item.{item_id}")
    item = Item(
        id=item_id,
        critical=table.flag("critical"),
        points=table.integer("points", 0, 9),
        dimensions=table.texts("dimensions"),
        sources=table.texts("sources"),
        prompt=read_texts(table, "prompt"),
        label=read_texts(table, "label"),
        say=read_texts(table, "say"),
        quiet=read_texts(table, "quiet"),
        hint=read_texts(table, "hint"),
        followups=tuple(_followup(t, item_id, sets, quiet) for t in table.tables("followup")),
    )
    if item.critical and (item.points or item.time is None):
        table.fail("critical", "a critical item carries no points and has a time follow-up")
    table.done()
    return item


def _observations(root: Fields) -> list[Observation]:
    found: list[Observation] = []
    for table in root.tables("observation"):
        value = _matching(table, "id", _VALUE)
        if value in {observation.id for observation in found}:
            table.fail("id", "stands there twice")
        found.append(Observation(value, read_texts(table, "keyword"), read_texts(table, "meaning")))
        table.done()
    return found


def _order(table: Fields, key: str, by_id: Mapping[str, Item]) -> tuple[str, ...]:
    order = table.texts(key)
    if sorted(order) != sorted(by_id):
        table.fail(key, "must name every item exactly once")
    return order


def _labels(table: Fields, key: str, names: list[str]) -> dict[str, Texts]:
    entries = table.table(key)
    labels = {name: read_texts(entries, name) for name in names}
    entries.done()
    return labels


def _reviewed(table: Fields) -> dict[str, frozenset[Language]]:
    """Read for each kind of text which languages practitioners and translators have reviewed."""
    reviewed = {}
    for part in _TEXT_PARTS:
        flags = table.table(part)
        reviewed[part] = frozenset(lang for lang in Language if flags.flag(lang.value))
        flags.done()
    table.done()
    return reviewed


def _rules(table: Fields, by_id: Mapping[str, Item], followups: Mapping[str, FollowUp]) -> RuleData:
    def item(key: str) -> str:
        name = table.text(key)
        return name if name in by_id else table.fail(key, "names no item")

    def several(key: str) -> tuple[str, ...]:
        names = table.texts(key)
        return names if set(names) <= set(by_id) else table.fail(key, "names an item that does not exist")

    def followup(key: str, parent: str | None = None) -> str:
        name = table.text(key)
        if name not in followups or (parent and followups[name].parent != parent):
            table.fail(key, "names no follow-up of that item")
        return name

    trigger, collective = item("trigger"), item("collective")
    rules = RuleData(
        points_serious=table.integer("points_serious", 1),
        points_high=table.integer("points_high", 1),
        always_now=frozenset(several("always_now")),
        violence=item("violence"),
        breath=followup("breath"),
        trigger=trigger,
        trigger_time=followup("trigger_time", trigger),
        trigger_old=table.text("trigger_old"),
        collective=collective,
        decided=followup("decided", collective),
        control=item("control"),
        separation=item("separation"),
        cluster=several("cluster"),
    )
    total = table.integer("points_total", 1)
    if total != sum(i.points for i in by_id.values()):
        table.fail("points_total", "is not the sum of the items' points")
    if not rules.points_serious < rules.points_high <= total:
        table.fail("points_high", "must lie above points_serious and within points_total")
    if rules.trigger_old not in followups[rules.trigger_time].values:
        table.fail("trigger_old", "is no value of that follow-up")
    if not all(by_id[name].critical for name in rules.always_now):
        table.fail("always_now", "names an item that is not critical")
    for key in (rules.breath, rules.decided):
        if followups[key].kind is not Kind.YES_NO_UNKNOWN:
            table.fail("breath" if key == rules.breath else "decided", "must be a yes, no, unknown question")
    table.done()
    return rules

"""Safe and never windows of a case: quick presets, own hours, and what is chosen in words."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import flet as ft

from fieldapp.domain.contact import SafeWindow, Tie, Window
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, quiet_button, secondary_button
from fieldapp.kit.fields import text_field
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Interface, bound
from fieldapp.kit.layout import card
from fieldapp.kit.names import tie_inside, tie_words
from fieldapp.kit.text import body
from fieldapp.kit.times import clock_words, minutes_of, weekday_words
from fieldapp.ui.parts.frame import typed
from fieldapp.ui.parts.windows import NEVER, SAFE, chosen_never, chosen_safe, window_options

Windows = tuple[SafeWindow, ...]
Edit = Callable[[Windows], Windows]
"""A change of the windows: a function of what they are then, so that a quick second tap loses nothing."""


@component
def window_editor(
    ui: Interface, windows: Windows, today: date, on_edit: Callable[[Edit], object], *, safe: bool
) -> ft.Control:
    """Edit safe windows, or with `safe` false never-windows (whose `tie` and `valid_until` are not used)."""
    t, theme = ui.t, ui.theme
    adding, set_adding = ft.use_state(False)
    presets = SAFE if safe else NEVER
    kind = "safe" if safe else "never"
    chosen = chosen_safe(windows) if safe else chosen_never([w.window for w in windows])
    of_presets = {window for key in chosen for window in _preset(key, safe=safe)}

    def toggle(key: str) -> None:
        preset = _preset(key, safe=safe)
        on_edit(lambda now: _without(now, preset) if set(preset) <= set(now) else _with(now, preset))

    def add(new: Windows) -> None:
        set_adding(False)
        on_edit(lambda now: _with(now, new))

    def remove(gone: Windows) -> None:
        on_edit(lambda now: _without(now, gone))

    own = [group for group in grouped(windows) if not set(group) <= of_presets]
    label = t("Safe times") if safe else t("Never at these times")
    more = quiet_button(ui, t("Other hours"), lambda: set_adding(True), identifier=f"{kind}-other")
    return ft.Column(
        [
            chips(ui, label, window_options(t, presets), chosen, toggle, identifier=kind),
            *(_own_row(ui, group, remove, kind, number) for number, group in enumerate(own)),
            own_hours(ui, today, add, safe=safe) if adding else more,
        ],
        spacing=theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@component
def own_hours(ui: Interface, today: date, on_add: Callable[[Windows], object], *, safe: bool) -> ft.Control:
    """Ask for days, from and to, and for safe hours what they hang on and until when they hold."""
    t, theme = ui.t, ui.theme
    days, set_days = ft.use_state(frozenset[str]())
    start, set_start = ft.use_state("")
    end, set_end = ft.use_state("")
    tie, set_tie = ft.use_state(Tie.NONE)
    week_only, set_week_only = ft.use_state(False)
    asked, set_asked = ft.use_state(False)
    kind = "safe" if safe else "never"
    begins, ends = minutes_of(start), minutes_of(end)
    wrong_start = begins is None or begins == 24 * 60
    wrong_end = ends is None or ends == begins

    def add() -> None:
        set_asked(True)
        if wrong_start or wrong_end or not days or begins is None or ends is None:
            return
        until = today + timedelta(days=7) if week_only else None
        on_add(tuple(SafeWindow(Window(int(day), begins, ends), until, tie) for day in sorted(days)))

    sample = t("Type a time such as 8:30.")
    weekdays = [Option(str(number), name) for number, name in enumerate(weekday_words(t))]
    times = [
        text_field(ui, t("From"), start, typed(set_start), error=sample if asked and wrong_start else None),
        text_field(ui, t("To"), end, typed(set_end), error=sample if asked and wrong_end else None),
    ]
    ties = [Option(value, tie_words(t, value)) for value in Tie]
    holds = [Option("rules", t("As long as the rules hold")), Option("week", t("One week"))]
    days_label = t("On which days?") if days or not asked else t("Choose at least one day.")
    more = [
        chips(
            ui,
            t("Does it hold in holidays?"),
            ties,
            frozenset({tie}),
            lambda k: set_tie(Tie(k)),
            identifier="tie",
        ),
        chips(
            ui,
            t("How long?"),
            holds,
            frozenset({"week" if week_only else "rules"}),
            lambda k: set_week_only(k == "week"),
            identifier="holds",
        ),
    ]
    return card(
        ui,
        [
            chips(ui, days_label, weekdays, days, lambda k: set_days(days ^ {k}), identifier=f"{kind}-day"),
            ft.Column(times, spacing=theme.gap)
            if theme.stacked
            else ft.Row([ft.Container(field, expand=True) for field in times], spacing=theme.gap),
            *(more if safe else []),
            secondary_button(ui, t("Add these hours"), add, identifier=f"{kind}-add"),
        ],
    )


def grouped(windows: Iterable[SafeWindow]) -> list[Windows]:
    """Put windows with the same hours together: one line says several days."""
    groups: dict[tuple[int, int, Tie, date | None], list[SafeWindow]] = {}
    for window in windows:
        key = (window.window.start, window.window.end, window.tie, window.valid_until)
        groups.setdefault(key, []).append(window)
    return [tuple(sorted(group, key=lambda w: w.window.weekday)) for group in groups.values()]


def window_words(t: Translator, group: Sequence[SafeWindow]) -> str:
    """Say when a group of windows with the same hours is: "Mon, Tue 08:30 to 15:30, not in school holidays"."""
    first = group[0]
    names = weekday_words(t)
    days = t("Every day") if len(group) == 7 else ", ".join(names[w.window.weekday] for w in group)
    hours = t(
        "{days} {start} to {end}",
        days=days,
        start=clock_words(first.window.start),
        end=clock_words(first.window.end),
    )
    until = first.valid_until
    limit = t("until {day}/{month}", day=until.day, month=until.month) if until else ""
    return ", ".join(filter(None, (hours, tie_inside(t, first.tie), limit)))


def _with(windows: Windows, more: Windows) -> Windows:
    return (*windows, *(window for window in more if window not in windows))


def _without(windows: Windows, gone: Windows) -> Windows:
    return tuple(window for window in windows if window not in gone)


def _preset(key: str, *, safe: bool) -> Windows:
    return SAFE[key].safe if safe else tuple(SafeWindow(window) for window in NEVER[key].windows)


def _own_row(
    ui: Interface, group: Windows, remove: Callable[[Windows], None], kind: str, number: int
) -> ft.Control:
    words = body(ui, window_words(ui.t, group))
    words.expand = True
    gone = icon_button(
        ui, ft.Icons.CLOSE_ROUNDED, ui.t("Remove"), bound(remove, group), identifier=f"{kind}-remove-{number}"
    )
    return ft.Row([words, gone], spacing=ui.theme.gap)

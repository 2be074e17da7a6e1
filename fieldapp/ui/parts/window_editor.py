"""Safe and never windows of a case: quick presets, own hours, and what is chosen in words."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import flet as ft

from fieldapp.domain.contact import SafeWindow, Tie, Window
from fieldapp.domain.unfinished import Hours, line_of
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, quiet_button, secondary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Interface, bound
from fieldapp.kit.layout import card
from fieldapp.kit.names import tie_inside, tie_words
from fieldapp.kit.text import body
from fieldapp.kit.times import clock_words, minutes_of, weekday_words
from fieldapp.kit.windows import NEVER, SAFE, chosen_never, chosen_safe, window_options

Windows = tuple[SafeWindow, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Times:
    """The windows of one kind, and the hours that are being typed for it; None while their form is closed."""

    windows: Windows
    hours: Hours | None = None


Change = Callable[[Callable[[Times], Times]], Awaitable[None]]
"""Takes a change of the times: a function of what they are then, so that a quick second tap loses nothing."""


@component
def window_editor(
    ui: Interface, times: Times, today: date, keep: Change, show: Change, *, safe: bool
) -> ft.Control:
    """Edit safe windows, or with `safe` false never-windows (whose `tie` and `valid_until` are not used).

    `keep` takes what is tapped, `show` what is typed.
    """
    t, windows = ui.t, times.windows
    presets = SAFE if safe else NEVER
    kind = "safe" if safe else "never"
    chosen = chosen_safe(windows) if safe else chosen_never([w.window for w in windows])
    of_presets = {window for key in chosen for window in _preset(key, safe=safe)}

    async def change(edit: Callable[[Windows], Windows]) -> None:
        await keep(lambda now: replace(now, windows=edit(now.windows)))

    async def toggle(key: str) -> None:
        preset = _preset(key, safe=safe)
        await change(lambda now: _without(now, preset) if set(preset) <= set(now) else _with(now, preset))

    async def remove(gone: Windows) -> None:
        await change(lambda now: _without(now, gone))

    async def open_form() -> None:
        await keep(lambda now: replace(now, hours=now.hours or Hours()))

    own = [group for group in grouped(windows) if not set(group) <= of_presets]
    label = t("Safe times") if safe else t("Never at these times")
    more = quiet_button(ui, t("Other hours"), open_form, identifier=f"{kind}-other")
    return ft.Column(
        [
            chips(ui, label, window_options(t, presets), chosen, toggle, identifier=kind),
            *(_own_row(ui, group, remove, kind, number) for number, group in enumerate(own)),
            own_hours(ui, times.hours, today, keep, show, safe=safe) if times.hours else more,
        ],
        spacing=ui.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@component
def own_hours(
    ui: Interface, hours: Hours, today: date, keep: Change, show: Change, *, safe: bool
) -> ft.Control:
    """Ask for days, from and to, and for safe hours what they hang on and until when they hold."""
    t, theme = ui.t, ui.theme
    asked, set_asked = ft.use_state(False)
    kind = "safe" if safe else "never"
    begins, ends = minutes_of(hours.start), minutes_of(hours.end)
    wrong_start = begins is None or begins == 24 * 60
    wrong_end = ends is None or ends == begins

    async def choose_day(key: str) -> None:
        await keep(_with_hours(lambda now: replace(now, days=now.days ^ {int(key)})))

    async def add() -> None:
        set_asked(True)
        if wrong_start or wrong_end or not hours.days or begins is None or ends is None:
            return
        until = today + timedelta(days=7) if hours.week_only else None
        new = tuple(SafeWindow(Window(day, begins, ends), until, hours.tie) for day in sorted(hours.days))
        await keep(lambda now: Times(_with(now.windows, new)))

    def time_field(label: str, name: str, value: str, *, wrong: bool) -> ft.Control:
        changed = typed(lambda text: show(_with_hours(lambda now: replace(now, **{name: line_of(text)}))))  # type: ignore[arg-type]
        return text_field(
            ui, label, value, changed, error=t("Type a time such as 8:30.") if asked and wrong else None
        )

    fields = [
        time_field(t("From"), "start", hours.start, wrong=wrong_start),
        time_field(t("To"), "end", hours.end, wrong=wrong_end),
    ]
    weekdays = [Option(str(number), name) for number, name in enumerate(weekday_words(t))]
    days_label = t("On which days?") if hours.days or not asked else t("Choose at least one day.")
    chosen = frozenset(map(str, hours.days))
    return card(
        ui,
        [
            chips(ui, days_label, weekdays, chosen, choose_day, identifier=f"{kind}-day"),
            ft.Column(fields, spacing=theme.gap)
            if theme.stacked
            else ft.Row([ft.Container(field, expand=True) for field in fields], spacing=theme.gap),
            *(_what_they_hang_on(ui, hours, keep) if safe else []),
            secondary_button(ui, t("Add these hours"), add, identifier=f"{kind}-add"),
        ],
    )


def _what_they_hang_on(ui: Interface, hours: Hours, keep: Change) -> list[ft.Control]:
    t = ui.t
    ties = [Option(value, tie_words(t, value)) for value in Tie]
    holds = [Option("rules", t("As long as the rules hold")), Option("week", t("One week"))]
    return [
        chips(
            ui,
            t("Does it hold in holidays?"),
            ties,
            frozenset({hours.tie}),
            lambda key: keep(_with_hours(lambda now: replace(now, tie=Tie(key)))),
            identifier="tie",
        ),
        chips(
            ui,
            t("How long?"),
            holds,
            frozenset({"week" if hours.week_only else "rules"}),
            lambda key: keep(_with_hours(lambda now: replace(now, week_only=key == "week"))),
            identifier="holds",
        ),
    ]


def _with_hours(edit: Callable[[Hours], Hours]) -> Callable[[Times], Times]:
    """Return the change of the hours that are being typed; a letter that comes after they were added is too late."""
    return lambda now: replace(now, hours=edit(now.hours)) if now.hours else now


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
    ui: Interface, group: Windows, remove: Callable[[Windows], object], kind: str, number: int
) -> ft.Control:
    words = body(ui, window_words(ui.t, group))
    words.expand = True
    gone = icon_button(
        ui, ft.Icons.CLOSE_ROUNDED, ui.t("Remove"), bound(remove, group), identifier=f"{kind}-remove-{number}"
    )
    return ft.Row([words, gone], spacing=ui.theme.gap)

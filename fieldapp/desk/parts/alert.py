"""One alert: what is known, what it means, the two versions side by side, and how it was or is to be settled."""

from collections.abc import Callable

import flet as ft

from fieldapp.desk.alert_words import (
    age_words,
    fingerprint,
    gap_words,
    limits_words,
    meaning_words,
    steps_words,
    title_words,
    version_words,
)
from fieldapp.desk.parts.facts import fact_card, fact_line
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import agency_words
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import note_field, typed
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card, numbered, section
from fieldapp.kit.notices import status_line
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.times import local_time, moment_words
from fieldapp.kit.trying import Trying
from fieldapp.services.desk.alerts import Alert, Conflict, Version
from fieldapp.services.desk.inbox import EXAMINABLE
from fieldapp.services.desk.rulings import MAX_REASON

_MOST_SHOWN = 20
"""Pairs on the screen at once; the newest come first, and the quarantine lists all."""


def alert_pane(state: DeskState, alert: Alert, trying: Trying, on_back: Handler | None) -> Pane:
    """Return the pane of one alert."""
    t = state.t
    content: list[ft.Control] = [
        quiet(state, ", ".join((agency_words(t, alert.agency), isolate(alert.device)))),
        *trying.shown(),
        *_settled(state, alert),
        _known(state, alert),
        _said(state, t("What it means"), meaning_words(t, alert)),
        _said(state, t("What it does not mean"), limits_words(t, alert)),
    ]
    if alert.is_open:
        steps = [numbered(state, n, words) for n, words in enumerate(steps_words(t, alert), 1)]
        content.append(card(state, [heading(state, t("What to do")), *steps]))
    content += [*_versions(state, alert, trying), _to_device(state, alert)]
    if alert.is_open:
        content += [
            # With a key of its own, so that the reason typed for one alert never closes another.
            ft.Container(closing_form(state, alert.key, trying), key=f"closing-{alert.key.hex()}"),
        ]
    return Pane(title_words(t, alert), content, on_back=on_back)


def _settled(state: DeskState, alert: Alert) -> list[ft.Control]:
    """Say who settled it, when and why."""
    if alert.is_open:
        return []
    t = state.t
    when = moment_words(t, local_time(alert.closed_at), state.gate.clock.local())
    words = t("Closed {when} by {who}.", when=when, who=isolate(alert.closed_by))
    line = status_line(state, ft.Icons.CHECK_ROUNDED, words)
    return [card(state, [line, body(state, isolate(alert.reason))])]


def _known(state: DeskState, alert: Alert) -> ft.Control:
    t, now = state.t, state.gate.clock
    since = moment_words(t, local_time(alert.since), now.local())
    lines: list[ft.Control] = []
    if alert.gap:
        lines.append(fact_line(state, t("Missing"), gap_words(t, alert.gap)))
    lines.append(fact_line(state, t("Since"), since))
    if alert.is_open:
        lines.append(fact_line(state, t("Open for"), age_words(t, alert, now.now())))
    row = state.open.devices.row(alert.device_id)
    if row:
        seen = moment_words(t, local_time(row.last_seen), now.local()) if row.last_seen else t("not yet")
        lines.append(fact_line(state, t("Device last heard"), seen))
    return fact_card(state, t("What is known"), lines)


def _said(state: DeskState, title: str, words: str) -> ft.Control:
    return ft.Column([heading(state, title), body(state, words)], spacing=state.theme.tight)


def _to_device(state: DeskState, alert: Alert) -> ft.Control:
    show = bound(state.go, Screen.DEVICE, alert.device_id)
    return quiet_button(
        state, state.t("Show the device"), show, icon=ft.Icons.DEVICES_OUTLINED, identifier="show-device"
    )


# --- Both versions -----------------------------------------------------------------------------------------


def _versions(state: DeskState, alert: Alert, trying: Trying) -> list[ft.Control]:
    if not alert.conflicts:
        return []
    t, hidden = state.t, len(alert.conflicts) - _MOST_SHOWN
    pairs = [_pair(state, conflict, trying) for conflict in alert.conflicts[:_MOST_SHOWN]]
    if hidden > 0:
        pairs.append(quiet(state, t("And {n} more", n=hidden)))
    both = any(conflict.known for conflict in alert.conflicts)
    return [section(state, t("Both versions") if both else t("What came"), pairs)]


def _pair(state: DeskState, conflict: Conflict, trying: Trying) -> ft.Control:
    """Put the two side by side where there is room."""
    versions = [v for v in (conflict.known, conflict.other) if v is not None]
    shown = [_version(state, version, trying) for version in versions]
    if not state.roomy or state.theme.stacked:
        return ft.Column(shown, spacing=state.theme.gap, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    for part in shown:
        part.expand = True
    return ft.Row(shown, spacing=state.theme.gap, vertical_alignment=ft.CrossAxisAlignment.START)


def _version(state: DeskState, version: Version, trying: Trying) -> ft.Control:
    t = state.t
    when = moment_words(t, local_time(version.arrived_at), state.gate.clock.local())

    async def read() -> None:
        state.examine(version.env_hash)

    return card(
        state,
        [
            heading(state, t("Counted in the chain") if version.counted else t("Kept aside")),
            fact_line(state, t("Number"), str(version.seq)),
            fact_line(state, t("Kind"), version_words(t, version)),
            fact_line(state, t("Arrived"), when),
            fact_line(state, t("Fingerprint"), fingerprint(version.env_hash)),
            secondary_button(
                state,
                t("Read this version"),
                trying.of(read),
                icon=ft.Icons.DRAFTS_OUTLINED,
                identifier=f"examine-{version.env_hash.hex()[:8]}",
            ),
        ],
    )


# --- Settling it -------------------------------------------------------------------------------------------


@component
def closing_form(state: DeskState, key: bytes, trying: Trying) -> ft.Control:
    """Ask why the alert is settled; what is typed stays while the rest of the screen is drawn anew."""
    t = state.t
    reason, set_reason = ft.use_state("")

    async def close() -> None:
        await state.open.alerts.close(key, reason)
        set_reason("")

    settle: Handler | None = trying.of(close) if reason.strip() else None
    keep: Callable[[str], object] = set_reason
    return card(
        state,
        [
            note_field(
                state,
                t("Why is it settled?"),
                reason,
                typed(keep),
                helper=t("This is signed and kept with your desk's name. Write no names of persons."),
                max_length=MAX_REASON,
                lines=2,
            ),
            primary_button(
                state, t("Close this alert"), settle, icon=ft.Icons.CHECK_ROUNDED, identifier="close-alert"
            ),
        ],
    )


def examine_button(state: DeskState, env_hash: bytes, reason: str, trying: Trying) -> list[ft.Control]:
    """Offer to read what is kept aside, where a person may have to judge it."""
    if reason not in EXAMINABLE:
        return []

    async def read() -> None:
        state.examine(env_hash)

    return [
        secondary_button(
            state,
            state.t("Read it all the same"),
            trying.of(read),
            icon=ft.Icons.DRAFTS_OUTLINED,
            identifier=f"examine-{env_hash.hex()[:8]}",
        )
    ]

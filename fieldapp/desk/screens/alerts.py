"""The alerts room: what a person has to look into, the open ones first; beside it the one that was chosen."""

from collections.abc import Callable

import flet as ft

from fieldapp.desk.alert_words import age_words, gap_words, title_words
from fieldapp.desk.parts.alert import alert_pane
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.parts.pages import page_turner
from fieldapp.desk.parts.record import evidence
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_every
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.desk.alerts import Alert, AlertKind

SECONDS_BETWEEN_LOOKS = 30
"""How often the age of an alert is drawn anew when nothing else happens."""

Choose = Callable[[bytes], object]
"""Called with the key of an alert."""

_ICONS = {
    AlertKind.GAP: ft.Icons.LINK_OFF_ROUNDED,
    AlertKind.FORK: ft.Icons.CALL_SPLIT_ROUNDED,
    AlertKind.ROLLBACK: ft.Icons.HISTORY_ROUNDED,
    AlertKind.RECIPIENTS: ft.Icons.GROUP_OFF_OUTLINED,
    AlertKind.PUT_BACK: ft.Icons.RESTORE_ROUNDED,
}


@component
def alerts_screen(state: DeskState) -> ft.View:
    """List the alerts; the place `ALERT` names the one that is chosen."""
    trying = use_trying(state, trouble_notice)

    def look() -> None:
        state.turn_alerts(state.alerts.number)
        state.beat += 1

    use_every(SECONDS_BETWEEN_LOOKS, look)
    about = state.place.about
    chosen = about if isinstance(about, bytes) else b""

    def choose(key: bytes) -> None:
        trying.clear()
        if state.roomy:
            state.only(Screen.ALERT, key)
        else:
            state.go(Screen.ALERT, key)

    listed = Pane(state.t("Alerts"), _listed(state, chosen, choose))
    return framed(state, listed, _detail(state, chosen, trying))


def _detail(state: DeskState, chosen: bytes, trying: Trying) -> Pane | None:
    t = state.t
    alert = state.open.alerts.get(chosen) if chosen else None
    if alert is not None:
        return alert_pane(state, alert, trying, None if state.roomy else state.back)
    if chosen:
        settled = t("It settled itself: what was missing has arrived.")
        back = None if state.roomy else bound(state.only, Screen.ALERTS)
        return Pane(
            "", [empty_state(state, ft.Icons.CHECK_ROUNDED, t("Nothing to do"), settled)], on_back=back
        )
    if not state.roomy or not state.alerts.alerts:
        return None
    hint = t("You see what it means, what it does not mean, and what to do.")
    return Pane("", [empty_state(state, ft.Icons.NOTIFICATIONS_OUTLINED, t("Choose an alert"), hint)])


def _listed(state: DeskState, chosen: bytes, choose: Choose) -> list[ft.Control]:
    t, page = state.t, state.alerts
    if not page.alerts:
        hint = t(
            "The desk checks by itself whether records are missing, doubled or exchanged, without reading them."
        )
        return [empty_state(state, ft.Icons.VERIFIED_USER_OUTLINED, t("No alerts"), hint)]
    groups = (
        (t("Open"), [alert for alert in page.alerts if alert.is_open]),
        (t("Closed"), [alert for alert in page.alerts if not alert.is_open]),
    )
    held = t("An alert holds nothing back. All records are in the inbox or the quarantine.")
    return [
        quiet(state, held),
        *(
            section(state, name, [_row(state, alert, alert.key == chosen, choose) for alert in alerts])
            for name, alerts in groups
            if alerts
        ),
        *page_turner(state, page.number, page.pages, page.total, state.turn_alerts),
    ]


def _row(state: DeskState, alert: Alert, chosen: bool, choose: Choose) -> ft.Control:
    t, theme = state.t, state.theme
    p = theme.palette
    tone = p.serious if alert.is_open else None
    picture = ft.Container(
        ft.Icon(_ICONS[alert.kind], size=theme.icon, color=tone.ink if tone else p.muted),
        width=theme.target,
        height=theme.target,
        alignment=ft.Alignment.CENTER,
        bgcolor=tone.soft if tone else p.line,
        border_radius=theme.radius_chip,
    )
    numbers = gap_words(t, alert.gap) if alert.gap else ""
    if alert.is_open:
        after, below = age_words(t, alert, state.gate.clock.now()), ""
    else:
        after, below = "", past_words(t, local_time(alert.closed_at), state.gate.clock.local())
    return list_row(
        state,
        title_words(t, alert),
        ", ".join(filter(None, (isolate(alert.device), numbers))),
        leading=picture,
        trailing=after,
        trailing_detail=below,
        on_click=bound(choose, alert.key),
        selected=chosen,
        identifier=f"alert-{alert.key.hex()[:8]}",
    )


@component
def evidence_screen(state: DeskState) -> ft.View:
    """Show what one envelope that is kept aside says."""
    trying: Trying = use_trying(state, trouble_notice)
    t, record = state.t, state.record
    if record is None:
        return framed(state, Pane("", [], on_back=state.back))
    words = t(
        "This record failed a check: do not rely on it before you have spoken with the worker. Nothing is noted, and "
        "the device does not hear that you read it."
    )
    content = [notice(state, words, urgency=Urgency.WARNING), *evidence(state, record, trying)]
    title = isolate(record.row.alias) if record.row.alias else t("Kept aside")
    return framed(state, Pane(title, content, on_back=state.back))

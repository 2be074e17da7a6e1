"""One device: its standing, and the decisions about it, each asked once more in plain words before it counts."""

import flet as ft

from fieldapp.desk.alert_words import gaps_words
from fieldapp.desk.parts.facts import fact_card, fact_line
from fieldapp.desk.parts.telling import to_the_device
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import agency_words, device_state_words, trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import danger_button, secondary_button
from fieldapp.kit.interface import Handler, Question, bound
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, moment_words
from fieldapp.kit.trying import use_trying
from fieldapp.services.desk.devices import DeviceRow, DeviceState
from fieldapp.services.desk.rulings import RulingKind


def device_pane(state: DeskState, row: DeviceRow, on_back: Handler | None) -> Pane:
    """Return the pane of one device."""
    t = state.t
    agency = t("{agency}, device {id}", agency=agency_words(t, row.agency), id=row.device_id.hex()[:8])
    content: list[ft.Control] = [
        quiet(state, agency),
        *_standing(state, row),
        fact_card(state, t("Its chain"), _chain(state, row)),
        ft.Container(to_the_device(state, row), key=f"telling-{row.device_id.hex()}"),
        # With a key of its own, so that a question about one device is never answered for another.
        ft.Container(decisions(state, row), key=f"decisions-{row.device_id.hex()}"),
    ]
    return Pane(isolate(row.name), content, on_back=on_back)


def decided_notice(state: DeskState) -> list[ft.Control]:
    """Say that something was decided here which devices cannot know yet."""
    if not state.open.devices.unpublished:
        return []
    words = state.t(
        "What was decided here counts at this desk. The devices hear of it when the next list of the centre is signed, "
        "with the key from the safe."
    )
    to_keys = bound(state.go, Screen.KEYS)
    return [
        notice(state, words, icon=ft.Icons.EDIT_NOTE_ROUNDED, on_click=to_keys, identifier="sign-decisions")
    ]


def _standing(state: DeskState, row: DeviceRow) -> list[ft.Control]:
    t, lines = state.t, []
    match row.state:
        case DeviceState.ENROLLED:
            return []
        case DeviceState.FORKED:
            lines.append(device_state_words(t, row.state) + ".")
        case DeviceState.SUSPENDED:
            lines.append(
                t("Suspended. What comes from it is shown with a mark, and its worker can go on recording.")
            )
        case DeviceState.REVOKED:
            lines.append(
                t(
                    "Withdrawn from number {n} on. What it sends from there is kept in the quarantine; what was made "
                    "before is accepted.",
                    n=row.revoked_from,
                )
            )
    if not row.published:
        lines.append(t("The device does not know it yet."))
    return [notice(state, "\n".join(lines), urgency=Urgency.WARNING)]


def _chain(state: DeskState, row: DeviceRow) -> list[ft.Control]:
    t, now = state.t, state.gate.clock.local()

    def moment(at: int) -> str:
        return moment_words(t, local_time(at), now) if at else t("not yet")

    lines = [
        fact_line(state, t("Enrolled"), moment(row.enrolled_at)),
        fact_line(state, t("Last heard"), moment(row.last_seen)),
        fact_line(state, t("Highest number"), str(row.highest_seq)),
        fact_line(state, t("Missing numbers"), gaps_words(t, row.gaps) if row.gaps else t("none")),
    ]
    if row.decided_at:
        decided = t("{when}, {who}", when=moment(row.decided_at), who=isolate(row.decided_by))
        lines.append(fact_line(state, t("Last decision"), decided))
    return lines


@component
def decisions(state: DeskState, row: DeviceRow) -> ft.Control:
    """Offer what can be decided about a device, and ask before it counts."""
    t, trying = state.t, use_trying(state, trouble_notice)
    devices = state.open.devices

    async def decide(kind: RulingKind) -> None:
        match kind:
            case RulingKind.SUSPENDED:
                await devices.suspend(row.device_id)
            case RulingKind.TRUSTED:
                await devices.resume(row.device_id)
            case RulingKind.REVOKED:
                await devices.revoke(row.device_id)

    def ask(kind: RulingKind) -> Handler:
        return bound(state.ask, _question(state, row, kind, trying.of(decide, kind)))

    said = trying.shown()
    if row.state is DeviceState.REVOKED:
        again = t(
            "To use it again, enrol it with a new code. It is another device then, with a chain of its own."
        )
        return ft.Column([*said, body(state, again)], spacing=state.theme.gap)
    hint: list[ft.Control] = []
    if row.state is DeviceState.SUSPENDED:
        first = secondary_button(
            state,
            t("Resume"),
            ask(RulingKind.TRUSTED),
            icon=ft.Icons.PLAY_ARROW_ROUNDED,
            identifier="resume",
        )
    else:
        hint = [quiet(state, t("Lost or in other hands? Suspend it first: that can be taken back."))]
        first = secondary_button(
            state,
            t("Suspend"),
            ask(RulingKind.SUSPENDED),
            icon=ft.Icons.PAUSE_ROUNDED,
            identifier="suspend",
        )
    withdraw = danger_button(state, t("Withdraw for good"), ask(RulingKind.REVOKED), identifier="withdraw")
    return ft.Column(
        [*said, *hint, first, withdraw],
        spacing=state.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _question(state: DeskState, row: DeviceRow, kind: RulingKind, on_yes: Handler) -> Question:
    t, name = state.t, isolate(row.name)
    match kind:
        case RulingKind.SUSPENDED:
            return Question(
                t("Suspend {name}?", name=name),
                t(
                    "From now on its records are shown here with a mark. When the device hears of it, it keeps what its "
                    "worker records and sends nothing new until you resume. Nothing is deleted. You can take this back."
                ),
                t("Suspend"),
                t("Go back"),
                on_yes,
            )
        case RulingKind.TRUSTED:
            return Question(
                t("Resume {name}?", name=name),
                t(
                    "Do this when you know who holds the device. When the device hears of it, it sends what waited, "
                    "in order."
                ),
                t("Resume"),
                t("Go back"),
                on_yes,
            )
        case RulingKind.REVOKED:
            return Question(
                t("Withdraw {name} for good?", name=name),
                t(
                    "Its records up to number {n} stay. What it sends after that is kept in the quarantine, where you "
                    "can read it. Older ones that still arrive are accepted, with a mark. This cannot be taken back: "
                    "to use the device again, enrol it with a new code.",
                    n=row.highest_seq,
                ),
                t("Withdraw for good"),
                t("Go back"),
                on_yes,
                danger=True,
            )

"""Enrolling a device in person: its name, a code, and the digits that a person compares on both screens."""

from typing import Final

import flet as ft

from fieldapp.desk.parts.code import code_card, digits_card
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import agency_words, trouble_notice
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.hooks import use_every
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.notices import empty_state, status_line
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.kit.times import wait_words
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.desk.devices import Enrolment, EnrolmentState
from fieldapp.services.settings import Work
from sync.errors import EnrolmentFailed, RelayRefused, RelayUnreachable

SECONDS_BETWEEN_LOOKS: Final = 2
MAX_NAME: Final = 60
AGENCIES: Final = ("police", "welfare", "youth", "municipality", "centre")


def enrol_screen(state: DeskState) -> ft.Control:
    """Show the step that the enrolment is at."""
    enrolment = state.gate.enrolment
    return form_screen(state) if enrolment is None else meeting_screen(state, enrolment)


@component
def meeting_screen(state: DeskState, enrolment: Enrolment) -> ft.View:
    """Show the code, the digits, or how it ended."""
    trying = use_trying(state, trouble_notice)
    match enrolment.state:
        case EnrolmentState.WAITING:
            return _waiting(state, trying, enrolment)
        case EnrolmentState.COMPARE:
            return _compare(state, trying, enrolment)
        case _:
            return _over(state, trying, enrolment)


def _pane(
    state: DeskState, content: list[ft.Control], bottom: list[ft.Control], *, on_back: Handler | None = None
) -> ft.View:
    pane = Pane(state.t("Enrol a device"), content, on_back=on_back or state.back, bottom=bottom)
    return framed(state, pane)


@component
def form_screen(state: DeskState) -> ft.View:
    """Ask what the device is called, and whose it is."""
    t, trying = state.t, use_trying(state, trouble_notice)
    name, set_name = ft.use_state("")
    agency, set_agency = ft.use_state(AGENCIES[0])
    work, set_work = ft.use_state(Work.OFFICER)
    begin = trying.of(state.enrol, name.strip(), agency, work) if name.strip() else None
    agencies = [Option(key, agency_words(t, key)) for key in AGENCIES]
    works = [Option(Work.OFFICER, t("On call-outs")), Option(Work.OUTREACH, t("In longer contact"))]
    return _pane(
        state,
        [
            *trying.shown(t("Asking the relay for a place to meet.")),
            body(state, t("Do this with the worker beside you and the device in hand.")),
            text_field(
                state,
                t("Name of the device"),
                name,
                typed(set_name),
                helper=t("Such as Phone 4. Not the name of a worker who must stay unknown."),
                max_length=MAX_NAME,
                autofocus=True,
            ),
            chips(state, t("Agency"), agencies, frozenset({agency}), set_agency, identifier="agency"),
            chips(
                state,
                t("Kind of work"),
                works,
                frozenset({str(work)}),
                lambda key: set_work(Work(key)),
                identifier="work",
            ),
        ],
        [primary_button(state, t("Show the code"), begin, identifier="begin")],
    )


def _waiting(state: DeskState, trying: Trying, enrolment: Enrolment) -> ft.View:
    t = state.t
    return _pane(
        state,
        [
            *trying.shown(),
            body(state, t("On the device: Settings, Not enrolled yet. Type this code.")),
            code_card(state, enrolment),
            waiting_line(state, enrolment, trying),
        ],
        [secondary_button(state, t("Cancel"), state.back, identifier="cancel")],
    )


@component
def waiting_line(state: DeskState, enrolment: Enrolment, trying: Trying) -> ft.Control:
    """Count down, and look every two seconds whether the device said hello."""
    t, clock, devices = state.t, state.gate.clock, state.open.devices
    left, set_left = ft.use_state(enrolment.expires_at - clock.now())
    offline, set_offline = ft.use_state(False)

    async def look() -> None:
        set_left(enrolment.expires_at - clock.now())
        try:
            await devices.poll(enrolment)
            set_offline(False)
        except (RelayUnreachable, RelayRefused):
            set_offline(True)
        except EnrolmentFailed as error:
            devices.cancel(enrolment)
            trying.fail(error)
        if enrolment.state is not EnrolmentState.WAITING and state.gate.enrolment is enrolment:
            state.beat += 1

    use_every(SECONDS_BETWEEN_LOOKS, look)
    words = (
        t("The relay cannot be reached. Trying again automatically.")
        if offline
        else t("Waiting for the device.")
    )
    icon = ft.Icons.CLOUD_OFF_OUTLINED if offline else ft.Icons.HOURGLASS_EMPTY_ROUNDED
    return status_line(state, icon, " ".join((words, wait_words(t, max(left, 0)))))


def _compare(state: DeskState, trying: Trying, enrolment: Enrolment) -> ft.View:
    t, devices = state.t, state.open.devices

    async def confirm() -> None:
        await devices.confirm(enrolment)
        state.beat += 1

    def differ() -> None:
        devices.cancel(enrolment)
        state.beat += 1

    return _pane(
        state,
        [
            *trying.shown(t("Enrolling. This takes a moment.")),
            large(state, t("Compare all eight groups, aloud")),
            digits_card(state, enrolment),
            quiet(state, t("If one digit differs, someone else answers in place of this device.")),
        ],
        [
            primary_button(
                state, t("They match"), trying.of(confirm), icon=ft.Icons.CHECK_ROUNDED, identifier="match"
            ),
            secondary_button(state, t("They differ"), differ, identifier="differ"),
        ],
    )


def _over(state: DeskState, trying: Trying, enrolment: Enrolment) -> ft.View:
    t = state.t

    def again() -> None:
        trying.clear()
        state.swap(Screen.ENROL)
        state.beat += 1

    icon, title, words = {
        EnrolmentState.DONE: (
            ft.Icons.CHECK_ROUNDED,
            t("The device is enrolled"),
            t("It fetches its certificate automatically. What was recorded on it before is sent now."),
        ),
        EnrolmentState.EXPIRED: (
            ft.Icons.HOURGLASS_EMPTY_ROUNDED,
            t("The code is older than 15 minutes"),
            t("No device was enrolled. Begin again with a new code."),
        ),
    }.get(
        enrolment.state,
        (
            ft.Icons.BLOCK_ROUNDED,
            t("No device was enrolled"),
            t("The code can no longer be used. Use another network, and begin again with a new code."),
        ),
    )
    done = enrolment.state is EnrolmentState.DONE
    devices = bound(state.only, Screen.DEVICES)
    bottom = [
        primary_button(state, t("Done"), devices, identifier="done")
        if done
        else primary_button(state, t("New code"), again, identifier="again")
    ]
    return _pane(state, [*trying.shown(), empty_state(state, icon, title, words)], bottom, on_back=devices)

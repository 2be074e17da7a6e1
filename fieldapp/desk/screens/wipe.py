"""Order a device to erase itself: two people sign, on two keys, and every step says what it does and what it does not."""

import asyncio

import flet as ft

from fieldapp.desk.parts.facts import fact_card, fact_line
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.parts.signing import existing_folder
from fieldapp.desk.parts.telling import wipe_words
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import danger_button, primary_button
from fieldapp.kit.fields import password_field, text_field, typed
from fieldapp.kit.interface import Handler, Question, bound
from fieldapp.kit.layout import card
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, heading, isolate
from fieldapp.kit.times import day_words, local_time, moment_words
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.desk.wiping import WipeRow, WipeState

Parts = tuple[list[ft.Control], list[ft.Control]]


@component
def wipe_screen(state: DeskState) -> ft.View:
    """Show how far the order for the device of this place is, and the next step."""
    t, trying = state.t, use_trying(state, trouble_notice)
    folder, set_folder = ft.use_state("")
    words, set_words = ft.use_state("")
    about = state.place.about
    row = state.open.devices.row(about) if isinstance(about, bytes) else None
    if row is None:
        return framed(state, Pane(t("Devices"), [], on_back=state.back))

    async def order() -> None:
        await state.open.wiping.order(row.device_id)

    async def confirm() -> None:
        medium = await asyncio.to_thread(existing_folder, folder)
        await state.open.wiping.confirm(row.device_id, medium, words)
        set_words("")

    question = Question(
        title=t("Order to erase {name}?", name=isolate(row.name)),
        words=t("Nothing happens before a second person has signed. An order runs out after 28 days."),
        yes=t("Order it"),
        no=t("Go back"),
        on_yes=trying.of(order),
        danger=True,
    )
    wipe = state.open.wiping.row(row.device_id)
    content, bottom = _begin(state, bound(state.ask, question))
    if wipe is not None and wipe.state is WipeState.ORDERED:
        fields = [
            text_field(state, t("Folder on the key holder's medium"), folder, typed(set_folder)),
            password_field(state, t("The seven words"), words, typed(set_words)),
        ]
        ready = trying.of(confirm) if folder.strip() and words.strip() else None
        content, bottom = _second(state, fields, ready, trying)
    elif wipe is not None and wipe.state is WipeState.SIGNED:
        content, bottom = _waits(state), []
    standing = [_order(state, wipe)] if wipe else []
    title = t("Erase {name}", name=isolate(row.name))
    pane = Pane(title, [*standing, *trying.shown(), *content], on_back=state.back, bottom=bottom)
    return framed(state, pane)


def _begin(state: DeskState, ask: Handler) -> Parts:
    t, wiping = state.t, state.open.wiping
    explained = _explained(state)
    if not wiping.may_order:
        why = t(
            "This centre has one command key, and a wipe needs two, so that no single person can destroy evidence. "
            "A centre that is founded with this version has a second one: the key holder's. Until then: withdraw the "
            "device, and let its worker empty it."
        )
        return [notice(state, why, urgency=Urgency.WARNING), *explained], []
    button = danger_button(state, t("Order it"), ask, identifier="order-wipe")
    return explained, [button]


def _explained(state: DeskState) -> list[ft.Control]:
    t = state.t
    lines = [
        t("Two people sign: you at this desk, and a key holder with the medium and the seven words."),
        t(
            "The device erases its records and its keys as soon as it hears both, while somebody has it unlocked."
        ),
        t("What was sealed there before still reaches you. Unfinished records are lost."),
        t("A device that stays locked or has no network erases nothing. Withdraw it as well."),
    ]
    return [card(state, [heading(state, t("What it does")), *(body(state, line) for line in lines)])]


def _second(state: DeskState, fields: list[ft.Control], ready: Handler | None, trying: Trying) -> Parts:
    t = state.t
    words = t(
        "The second person signs here: put the medium in, and type the seven words. They are kept nowhere."
    )
    button = primary_button(
        state,
        t("Sign as the second person"),
        ready,
        icon=ft.Icons.KEY_ROUNDED,
        identifier="sign-wipe",
    )
    waits = trying.shown(t("Opening the key. This takes a moment.")) if trying.busy else []
    return [card(state, [heading(state, t("Second signature")), body(state, words), *fields]), *waits], [
        button
    ]


def _waits(state: DeskState) -> list[ft.Control]:
    words = state.t("Both have signed. The device erases itself at its next contact while it is unlocked.")
    return [notice(state, words)]


def _order(state: DeskState, wipe: WipeRow) -> ft.Control:
    t, now = state.t, state.gate.clock.local()

    def moment(at: int) -> str:
        return moment_words(t, local_time(at), now)

    lines = [
        fact_line(state, t("Ordered"), t("{when}, {who}", when=moment(wipe.at), who=isolate(wipe.by))),
        fact_line(state, t("Runs out"), day_words(t, local_time(wipe.expiry).date(), now.date())),
    ]
    if wipe.second_at:
        second = t("{when}, {who}", when=moment(wipe.second_at), who=isolate(wipe.second_by))
        lines.insert(1, fact_line(state, t("Second signature"), second))
    if wipe.done_at:
        lines.append(fact_line(state, t("Erased"), moment(wipe.done_at)))
    return fact_card(state, wipe_words(t, wipe), lines)

"""The door of the desk: creating a centre in calm steps, and the neutral lock screen."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Final

import flet as ft

from fieldapp.desk.state import ROUTE, DeskState
from fieldapp.desk.words import trouble_notice
from fieldapp.kit import layout
from fieldapp.kit.answer_bar import Option, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.i18n import LANGUAGES, Translator
from fieldapp.kit.interface import Handler
from fieldapp.kit.locked import use_lock_screen
from fieldapp.kit.notices import Urgency, notice, progress
from fieldapp.kit.passphrase import passphrase_chooser
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.custody import key_folder
from fieldapp.services.desk.ceremony import ONE_HOLDER, SEVERAL_HOLDERS, CentrePlan
from sync.address import relay_address

MAX_NAME: Final = 60


class Step(IntEnum):
    """The steps of the first start."""

    LANGUAGE = 1
    NAME = 2
    RELAY = 3
    KEYS = 4
    PASSPHRASE = 5


@dataclass(frozen=True, slots=True)
class _Form:
    """What was typed so far."""

    name: str = ""
    desk: str | None = None
    """None until it is typed: the proposed name follows the language."""
    relay: str = ""
    holders: int = ONE_HOLDER
    keys: tuple[str, ...] = ("", "", "")

    @property
    def media(self) -> tuple[str, ...]:
        """The folders of the key holders there are, as they were typed."""
        return self.keys[: self.holders]


Parts = tuple[list[ft.Control], list[ft.Control]]
"""What is read, and what stands in the thumb zone."""
Keep = Callable[[_Form], None]


@component
def first_start_screen(state: DeskState) -> ft.View:
    """Ask for language, names, relay, keys and passphrase, one a step; the last makes the centre and opens the desk."""
    step, set_step = ft.use_state(Step.LANGUAGE)
    form, set_form = ft.use_state(_Form())
    trying = use_trying(state, trouble_notice)

    def go_on() -> None:
        set_step(Step(step + 1))

    content, bottom = {
        Step.LANGUAGE: lambda: _language(state, go_on),
        Step.NAME: lambda: _name(state, form, set_form, go_on),
        Step.RELAY: lambda: _relay(state, form, set_form, go_on),
        Step.KEYS: lambda: _keys(state, trying, form, set_form, go_on),
        Step.PASSPHRASE: lambda: _passphrase(state, trying, form),
    }[step]()
    return layout.screen(
        state,
        ROUTE,
        content,
        step=layout.Progress(step, len(Step)),
        on_back=(lambda: set_step(Step(step - 1))) if step > 1 and not trying.busy else None,
        bottom=bottom,
        unlocked=False,
    )


def _language(state: DeskState, go_on: Callable[[], None]) -> Parts:
    t = state.t
    names = [Option(key, name) for key, name in LANGUAGES.items()]
    choices = choice_list(state, names, state.language, state.set_language, identifier="language")
    return (
        [large(state, t("Welcome. Which language do you read best?")), choices],
        [primary_button(state, t("Continue"), go_on, identifier="go-on")],
    )


def _name(state: DeskState, form: _Form, keep: Keep, go_on: Callable[[], None]) -> Parts:
    t = state.t
    desk = _desk_name(t, form)
    ready = form.name.strip() and desk.strip()
    return (
        [
            large(state, t("Create a centre")),
            body(
                state, t("This computer becomes its first desk. Keys are made here and stay with the centre.")
            ),
            text_field(
                state,
                t("Name of the centre"),
                form.name,
                typed(lambda text: keep(replace(form, name=text))),
                max_length=MAX_NAME,
                autofocus=True,
            ),
            text_field(
                state,
                t("Name of this desk"),
                desk,
                typed(lambda text: keep(replace(form, desk=text))),
                helper=t("It stands beside everything that is done here."),
                max_length=MAX_NAME,
            ),
        ],
        [primary_button(state, t("Continue"), go_on if ready else None, identifier="go-on")],
    )


def _desk_name(t: Translator, form: _Form) -> str:
    return t("Desk 1") if form.desk is None else form.desk


def _relay(state: DeskState, form: _Form, keep: Keep, go_on: Callable[[], None]) -> Parts:
    t = state.t
    usable = _usable(form.relay)
    return (
        [
            large(state, t("The relay")),
            body(state, t("Records travel through it, sealed. It can read none of them.")),
            text_field(
                state,
                t("Address of the relay"),
                form.relay,
                typed(lambda text: keep(replace(form, relay=text))),
                helper=t("Such as relay.example. Its operator gives it to you."),
                error=t("Type a host, such as relay.example.") if form.relay and not usable else None,
                keyboard=ft.KeyboardType.URL,
                autofocus=True,
            ),
            quiet(state, t("It need not be reachable now. The centre can be made without a network.")),
        ],
        [primary_button(state, t("Continue"), go_on if usable else None, identifier="go-on")],
    )


def _usable(address: str) -> bool:
    try:
        return bool(relay_address(address))
    except ValueError:
        return False


def _keys(state: DeskState, trying: Trying, form: _Form, keep: Keep, go_on: Callable[[], None]) -> Parts:
    t = state.t

    async def check() -> None:
        for typed_path in form.media:
            await asyncio.to_thread(key_folder, typed_path)
        go_on()

    def choose(key: str) -> None:
        trying.clear()
        keep(replace(form, holders=int(key)))

    options = [
        Option(str(ONE_HOLDER), t("One key"), t("For a small centre. One person decides, and may lose it.")),
        Option(
            str(SEVERAL_HOLDERS),
            t("Three keys, two of which must sign"),
            t("Advised. One key may get lost, and nobody can change anything alone."),
        ),
    ]
    alone = form.holders == ONE_HOLDER
    return (
        [
            large(state, t("Who keeps the centre's keys")),
            body(state, t("They are needed about twice a year. They stay on USB sticks, in a safe.")),
            choice_list(state, options, str(form.holders), choose, identifier="holders"),
            *_media(state, trying, form, keep),
            *trying.shown(),
            *_key_warning(state, form, alone=alone),
        ],
        [primary_button(state, t("Continue"), _if_ready(form, trying.of(check)), identifier="go-on")],
    )


def _media(state: DeskState, trying: Trying, form: _Form, keep: Keep) -> list[ft.Control]:
    t = state.t
    alone = form.holders == ONE_HOLDER

    def change(number: int, path: str) -> None:
        trying.clear()
        keep(replace(form, keys=(*form.keys[:number], path, *form.keys[number + 1 :])))

    def field_of(number: int) -> ft.Control:
        label = t("Folder on a USB stick") if alone else t("Folder on USB stick {n}", n=number + 1)
        last = number == form.holders - 1
        help_text = (
            t("The whole path, such as /media/keys. Leave it empty if you have no USB stick.")
            if alone
            else t("The whole path, such as /media/keys. All three sticks are put in now.")
        )
        path = form.keys[number]
        return text_field(
            state, label, path, typed(partial(change, number)), helper=help_text if last else None
        )

    return [field_of(number) for number in range(form.holders)]


def _if_ready(form: _Form, handler: Handler) -> Handler | None:
    """Three key holders need three different folders; one may do without a stick."""
    media = [path.strip() for path in form.media]
    return handler if form.holders == ONE_HOLDER or (all(media) and len(set(media)) == len(media)) else None


def _key_warning(state: DeskState, form: _Form, *, alone: bool) -> list[ft.Control]:
    t = state.t
    if not alone:
        words = t("Give each stick to another person, and never keep two of them together.")
        return [notice(state, words)]
    if form.keys[0].strip():
        words = t(
            "One person alone can change who reads the records. Choose this only for a very small centre."
        )
    else:
        words = t(
            "Without a USB stick the root key stays on this computer. Whoever has it and the "
            "seven words can speak for the centre."
        )
    return [notice(state, words, urgency=Urgency.WARNING)]


def _passphrase(state: DeskState, trying: Trying, form: _Form) -> Parts:
    t = state.t
    plan = CentrePlan(form.name.strip(), form.relay, _desk_name(t, form).strip())

    async def choose(passphrase: str) -> None:
        await trying.of(state.create, passphrase, plan, form.media)()

    if trying.busy:
        waits = t("Making the centre's keys and its protected storage. This takes a few seconds.")
        return [large(state, t("Creating the centre")), progress(state, waits)], []
    forgotten = t(
        "Only this passphrase opens the desk. Nobody can look it up or reset it. If it is forgotten, what only this "
        "desk holds is lost."
    )
    return (
        [
            large(state, t("The passphrase of this desk")),
            *trying.shown(),
            notice(state, forgotten, urgency=Urgency.WARNING),
            passphrase_chooser(state, choose, t("Create the centre")),
        ],
        [],
    )


@component
def lock_screen(state: DeskState) -> ft.View:
    """Ask for the passphrase and nothing else; after too many wrong ones say how long to wait."""
    trying = use_trying(state, trouble_notice)
    return use_lock_screen(state, ROUTE, trying, state.unlock, state.gate.clock.now, busy=state.busy)

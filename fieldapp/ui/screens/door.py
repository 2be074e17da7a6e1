"""The door: setting a device up in calm steps, and the neutral lock screen.

Nothing here says what the app is for: whoever holds the device may see these screens.
"""

from collections.abc import Awaitable, Callable
from enum import IntEnum

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.answer_bar import Option, chips, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.i18n import LANGUAGES
from fieldapp.kit.interface import bound
from fieldapp.kit.locked import use_lock_screen
from fieldapp.kit.notices import Urgency, notice, progress
from fieldapp.kit.passphrase import passphrase_chooser
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.parts.frame import ROUTE
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState
from fieldapp.vault import KeystoreUnavailable


class Step(IntEnum):
    """The steps of the first start."""

    LANGUAGE = 1
    WORK = 2
    KEEPING = 3
    PASSPHRASE = 4


@component
def first_start_screen(state: FieldState) -> ft.View:
    """Ask for language, kind of work and passphrase, one a step; the last one makes the vault and opens it."""
    step, set_step = ft.use_state(Step.LANGUAGE)
    work, set_work = ft.use_state(Work.OFFICER)
    trying = use_trying(state)

    async def set_up(passphrase: str) -> None:
        await state.create(passphrase, Settings(language=state.language, work=work))

    def go_on() -> None:
        set_step(Step(step + 1))

    content, bottom = {
        Step.LANGUAGE: lambda: _language(state, go_on),
        Step.WORK: lambda: _work(state, work, set_work, go_on),
        Step.KEEPING: lambda: _keeping(state, go_on),
        Step.PASSPHRASE: lambda: _passphrase(state, trying, set_up),
    }[step]()
    return layout.screen(
        state,
        ROUTE,
        content,
        step=layout.Progress(step, len(Step)),
        on_back=(lambda: set_step(Step(step - 1))) if step > 1 else _give_up(state),
        bottom=bottom,
        unlocked=False,
    )


def _give_up(state: FieldState) -> Callable[[], None] | None:
    """Return the way back to the notebooks that exist, where another one was begun."""
    there = state.gate.shelf.notebooks
    return (lambda: state.choose_notebook(there[0])) if there else None


Parts = tuple[list[ft.Control], list[ft.Control]]
"""What is read, and what stands in the thumb zone."""


def _language(state: FieldState, go_on: Callable[[], None]) -> Parts:
    t = state.t
    names = [Option(key, name) for key, name in LANGUAGES.items()]
    choices = choice_list(state, names, state.language, state.set_language, identifier="language")
    shelf = state.gate.shelf
    words = t("Notebook {n} is yours alone: nobody else's passphrase opens it.", n=shelf.chosen)
    return (
        [
            large(state, t("Welcome. Which language do you read best?")),
            *([quiet(state, words)] if shelf.notebooks else []),
            choices,
        ],
        [primary_button(state, t("Continue"), go_on, identifier="go-on")],
    )


def _work(state: FieldState, work: Work, choose: Callable[[Work], None], go_on: Callable[[], None]) -> Parts:
    t = state.t
    options = [
        Option(Work.OFFICER, t("On call-outs"), t("Short, in a fixed order, one question after the other.")),
        Option(Work.OUTREACH, t("In longer contact"), t("Any order, with pauses, and a log of contacts.")),
    ]
    choices = choice_list(state, options, work, lambda key: choose(Work(key)), identifier="work")
    return (
        [
            large(state, t("How do you work?")),
            choices,
            quiet(state, t("You can change this later, and use the other way at any time.")),
        ],
        [primary_button(state, t("Continue"), go_on, identifier="go-on")],
    )


def _keeping(state: FieldState, go_on: Callable[[], None]) -> Parts:
    t = state.t
    lines: list[ft.Control] = [
        large(state, t("Next: a passphrase")),
        body(state, t("Everything you write is encrypted on this device, from the first tap.")),
        body(state, t("Only your passphrase opens it. Nobody can look it up or reset it.")),
        notice(
            state,
            t(
                "If you forget it, only a recovery sheet opens this device: make one in the settings. Without it, what "
                "is only here is lost for good. What has reached the centre stays there."
            ),
            urgency=Urgency.WARNING,
        ),
    ]
    if not state.gate.has_keystore:
        words = t(
            "This device gives no extra protection of its own: the passphrase alone protects what is on it."
        )
        lines.append(notice(state, words))
    lines.append(quiet(state, t("Later, in the settings, a list of notes can stand in front of the lock.")))
    return lines, [primary_button(state, t("Choose a passphrase"), go_on, identifier="go-on")]


def _passphrase(state: FieldState, trying: Trying, set_up: Callable[[str], Awaitable[None]]) -> Parts:
    t = state.t

    async def choose(passphrase: str) -> None:
        await trying.of(set_up, passphrase)()

    waits = [progress(state, t("Setting up. This takes a moment."))] if state.busy else []
    return (
        [
            large(state, t("Your passphrase")),
            *trying.shown(),
            *waits,
            passphrase_chooser(state, choose, t("Set up this device")),
        ],
        [],
    )


@component
def lock_screen(state: FieldState) -> ft.View:
    """Ask for the passphrase and nothing else; after too many wrong ones say how long to wait."""
    trying = use_trying(state)
    return use_lock_screen(
        state,
        ROUTE,
        trying,
        state.unlock,
        state.gate.clock.now,
        busy=state.busy,
        on_forgotten=bound(state.use_sheet),
        choice=_notebooks(state, trying),
        told=_what_is_sent(state, trying),
        digits=state.gate.pad.digits_first,
    )


def _what_is_sent(state: FieldState, trying: Trying) -> list[ft.Control]:
    """Say what happens to what is sealed while a key store that failed keeps this closed."""
    t = state.t
    if not isinstance(trying.error, KeystoreUnavailable):
        return []
    words = (
        t("What is ready to be sent is still sent while this is closed.")
        if state.sends_locked
        else t("Nothing is sent while this is closed. What waits is kept.")
    )
    return [quiet(state, words)]


def _notebooks(state: FieldState, trying: Trying) -> list[ft.Control]:
    """Let a worker of a shared device choose a notebook. Numbers, never names; nothing where there is one."""
    t, shelf = state.t, state.gate.shelf
    there = shelf.notebooks
    if len(there) < 2 or state.busy:
        return []

    def choose(key: str) -> None:
        trying.clear()
        state.choose_notebook(int(key))

    options = [Option(str(n), t("Notebook {n}", n=n)) for n in there]
    chosen = frozenset({str(shelf.chosen)})
    return [chips(state, t("Which one is yours?"), options, chosen, choose, identifier="notebook")]

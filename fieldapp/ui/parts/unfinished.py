"""What was begun about a case and is not saved yet: offered back, never dropped and never resumed by itself."""

from collections.abc import Awaitable, Callable

import flet as ft

from fieldapp.domain.unfinished import OpenContact, Unfinished
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card
from fieldapp.kit.notices import notice
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import past_words
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.trying import Trying
from fieldapp.ui.state import FieldState, Screen, Undo


def resume_card(
    state: FieldState, title: str, detail: str, words: str, go_on: Handler, discard: Handler, tag: str
) -> ft.Control:
    """Offer to go on with something, or to discard it; `words` stand on the button that goes on."""
    return card(
        state,
        [
            body(state, title, strong=True),
            quiet(state, detail),
            ft.Row(
                [
                    secondary_button(state, words, go_on, expand=True, identifier=f"resume-{tag}"),
                    quiet_button(state, state.t("Discard"), discard, identifier=f"discard-{tag}"),
                ],
                spacing=state.theme.gap,
            ),
        ],
    )


def unfinished_cards(state: FieldState, trying: Trying, most: int) -> list[ft.Control]:
    """Offer the newest open contacts and changes of rules, `most` of each."""
    unfinished = state.open.unfinished
    begun: list[Unfinished] = [*unfinished.contacts[:most], *unfinished.rules[:most]]
    cases = [(one, state.open.contacts.case(one.case_id)) for one in begun]
    return [_card(state, trying, one, case) for one, case in cases if case]


def _card(state: FieldState, trying: Trying, begun: Unfinished, case: Case) -> ft.Control:
    t, alias = state.t, isolate(case.alias)
    is_contact = isinstance(begun, OpenContact)
    place = (Screen.CONTACT, begun.id) if is_contact else (Screen.RULES, case.id)
    return resume_card(
        state,
        t("Contact, not yet saved: {alias}", alias=alias)
        if is_contact
        else t("Contact rules, not yet saved: {alias}", alias=alias),
        begun_words(state, begun),
        t("Continue"),
        bound(state.go, *place),
        trying.of(discard_of(state, begun)),
        begun.id.hex()[:8],
    )


def begun_words(state: FieldState, begun: Unfinished) -> str:
    """Say when something was begun."""
    return state.t("Begun: {moment}", moment=_moment(state, begun))


def discard_of(state: FieldState, begun: Unfinished) -> Callable[[], Awaitable[None]]:
    """Return what erases it and offers to take that back."""

    async def discard() -> None:
        notebook = state.open
        await notebook.unfinished.discard(begun)

        async def take_back() -> None:
            await notebook.unfinished.save(begun)
            notebook.book.changes.ring()

        if state.notebook is notebook:
            state.undo = Undo(state.t("What was begun was discarded."), take_back)

    return discard


def not_saved_notice(state: FieldState, begun: Unfinished) -> ft.Control:
    """Say on the screen of something that was resumed that it is not saved yet."""
    return notice(state, f"{state.t('These changes are not saved yet.')} {begun_words(state, begun)}")


def _moment(state: FieldState, begun: Unfinished) -> str:
    contacts, now = state.open.contacts, state.open.book.clock.local()
    return past_words(state.t, contacts.wall_time(begun.started), now)

"""The centre's keys: how long they last, what is to be signed next, who has signed, and who may."""

import asyncio
from collections.abc import Awaitable, Callable

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.parts.signing import (
    Collecting,
    collecting,
    date_question,
    existing_folder,
    key_notices,
    keys_card,
    progress_card,
    proposal_card,
)
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, list_row
from fieldapp.kit.panes import Pane
from fieldapp.kit.signing_words import plain
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.desk.ceremony import ONE_HOLDER, SEVERAL_HOLDERS
from fieldapp.services.desk.signing import ClockDoubtful, read_cards
from sync.comparison import key_label
from sync.signing import KeyCard, Proposal

_NO_CARDS: tuple[KeyCard, ...] = ()
Draft = Callable[..., Awaitable[None]]
"""A wish of `Signing` that asks when the date is doubtful."""


@component
def keys_screen(state: DeskState) -> ft.View:
    """Show how long the keys last; begin a change of them, or collect signatures for the one that waits."""
    trying = use_trying(state, trouble_notice)
    doubted, set_doubted = ft.use_state("")
    form = Collecting(ft.use_state(""), ft.use_state(""), ft.use_state(""))
    proposal = state.open.signing.proposal
    if proposal is None:
        content, bottom = _beginning(state, trying, doubted, set_doubted)
        detail = None
    else:
        content, bottom = _waiting(state, trying, proposal, form)
        asked = [progress_card(state, proposal.tallies), proposal_card(state, proposal)]
        # What is to be signed is read before anything is signed: above the fields, or beside them.
        detail = Pane(state.t("To be signed"), asked) if state.roomy else None
        content = content if detail else [*asked, *content]
    pane = Pane(
        state.t("The centre's keys"), [*key_notices(state), *content], on_back=state.back, bottom=bottom
    )
    return framed(state, pane, detail)


Parts = tuple[list[ft.Control], list[ft.Control]]


def _beginning(state: DeskState, trying: Trying, doubted: str, set_doubted: Callable[[str], None]) -> Parts:
    t, signing = state.t, state.open.signing
    wishes: dict[str, Draft] = {"renew": signing.renew, "replace": signing.replace_prekeys}

    async def draft(name: str, sure: bool) -> None:
        set_doubted(name)
        await wishes[name](date_is_right=sure)

    content: list[ft.Control] = [keys_card(state), *trying.shown()]
    if isinstance(trying.error, ClockDoubtful):
        content.append(date_question(state, trying.of(draft, doubted, True)))
    content += [
        list_row(
            state,
            t("Somebody has left the centre"),
            t("Replace the keys at once, so that what is sent from now on is closed to them."),
            on_click=trying.of(draft, "replace", False),
            identifier="replace",
        ),
        list_row(
            state,
            t("Change the key holders"),
            t("One key is lost, somebody new keeps one, or the root runs out."),
            on_click=bound(state.go, Screen.HOLDERS),
            identifier="holders",
        ),
    ]
    renew = primary_button(state, t("Renew the keys"), trying.of(draft, "renew", False), identifier="renew")
    return content, [renew]


def _waiting(state: DeskState, trying: Trying, proposal: Proposal, form: Collecting) -> Parts:
    t, signing = state.t, state.open.signing
    drop = quiet_button(state, t("Discard this request"), trying.of(signing.discard), identifier="discard")
    if not proposal.complete:
        return [*trying.shown(t("One moment.")), *collecting(state, trying, form), drop], []
    enough = card(
        state,
        [
            heading(state, t("Enough key holders have signed")),
            body(state, t("Published, it is in force for every device that asks the relay.")),
        ],
    )
    publish = primary_button(state, t("Publish"), trying.of(signing.publish), identifier="publish")
    return [*trying.shown(), enough, drop], [publish]


@component
def holders_screen(state: DeskState) -> ft.View:
    """Read the cards of those who are to hold the keys from now on, one stick after the other, and draft the change."""
    t, trying = state.t, use_trying(state, trouble_notice)
    folder, set_folder = ft.use_state("")
    cards, set_cards = ft.use_state(_NO_CARDS)

    async def read() -> None:
        found = await asyncio.to_thread(read_cards, existing_folder(folder))
        set_cards(tuple({card.directory_key: card for card in (*cards, *found)}.values()))

    async def draft(sure: bool) -> None:
        await state.open.signing.change_holders(cards, date_is_right=sure)
        state.back()

    words = {
        ONE_HOLDER: t("One key: this person alone will decide."),
        SEVERAL_HOLDERS: t("Three keys: two of these three people must sign."),
    }
    ready = len(cards) in words
    how = t("Read the card of one key, or of three. Now: {n}.", n=len(cards))
    content: list[ft.Control] = [
        body(
            state,
            t(
                "Read the cards of everybody who is to hold a key from now on, also of those who hold one "
                "already. A new key is made on its owner's computer: fieldapp keys create"
            ),
        ),
        text_field(
            state,
            t("Folder on a USB stick"),
            folder,
            typed(set_folder),
            helper=t("The whole path, such as /media/keys. One stick after the other."),
        ),
        secondary_button(state, t("Read the key card"), trying.of(read), identifier="read-card"),
        *trying.shown(),
        *([date_question(state, trying.of(draft, True))] if isinstance(trying.error, ClockDoubtful) else []),
        *[_card(state, one) for one in cards],
        quiet(state, words.get(len(cards), how)),
    ]
    if cards:
        content.append(
            quiet_button(state, t("Begin anew"), lambda: set_cards(_NO_CARDS), identifier="no-cards")
        )
    go_on = primary_button(
        state, t("Ask for signatures"), trying.once(draft, False) if ready else None, identifier="ask"
    )
    return framed(state, Pane(t("Key holders"), content, on_back=state.back, bottom=[go_on]))


def _card(state: DeskState, one: KeyCard) -> ft.Control:
    t = state.t
    return card(
        state,
        [
            body(state, isolate(plain(one.name)) or t("Without a name"), strong=True),
            quiet(state, t("key {label}", label=key_label(one.directory_key))),
            quiet(state, t("root key {label}", label=key_label(one.root_key))),
        ],
    )

"""The next version of the centre's directory on screen: what it says, who has signed, and what asks for signatures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import flet as ft

from fieldapp.desk.parts.facts import fact_card, fact_line
from fieldapp.desk.state import DeskState, Screen
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.fields import password_field, text_field, typed
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card, section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.signing_words import change_lines, tally_words
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.times import date_words
from fieldapp.kit.trying import Trying
from fieldapp.services.custody import KeyFolderUnusable
from fieldapp.services.desk.split_view import SplitView
from sync.comparison import changes, key_label
from sync.signing import Proposal, Tally

Field = tuple[str, Callable[[str], None]]
"""A value that is typed, with its setter."""


def keys_card(state: DeskState) -> ft.Control:
    """Say how long the centre's keys last, and who may sign."""
    t, signing = state.t, state.open.signing
    root, palette = signing.root, state.theme.palette
    soon = palette.high.ink if signing.due else None
    needed = t("{need} of {all}", need=root.dir_threshold, all=len(root.dir_keys))
    labels = [t("key {label}", label=key_label(key)) for key in root.dir_keys]
    return fact_card(
        state,
        t("How long the keys last"),
        [
            fact_line(state, t("Centre"), "", below=[key_label(state.open.centre_id)]),
            fact_line(state, t("Keys for records"), date_words(signing.runs_out), color=soon),
            fact_line(state, t("Key holders confirmed until"), date_words(signing.root_expires)),
            fact_line(state, t("Key holders that must sign"), needed, below=labels),
        ],
    )


def proposal_card(state: DeskState, proposal: Proposal) -> ft.Control:
    """Say in plain words everything that is to be signed."""
    t = state.t
    lines = [body(state, f"• {isolate(line)}") for line in change_lines(t, changes(proposal))]
    title = t("Version {n} of the address list", n=proposal.directory.v)
    return card(state, [heading(state, title), *lines])


def progress_card(state: DeskState, tallies: Sequence[Tally]) -> ft.Control:
    """Say how many have signed, of how many."""
    t, palette = state.t, state.theme.palette
    lines: list[ft.Control] = [
        fact_line(
            state,
            tally_words(t, tally),
            t("{have} of {need} signed", have=min(tally.have, tally.need), need=tally.need),
            color=palette.accent.ink if tally.met else None,
        )
        for tally in tallies
    ]
    return fact_card(state, t("Signatures"), lines)


def key_notices(state: DeskState, *, leading: bool = False) -> list[ft.Control]:
    """Say what has to be done about keys, the gravest first; `leading`: a tap leads to the screen for it."""
    t, signing, now = state.t, state.open.signing, state.gate.clock.now()
    found: list[tuple[str, Urgency]] = [
        (_split_words(state, view), Urgency.NOW) for view in state.open.split_views
    ]
    if signing.unpublished:
        words = t(
            "A decision about a device is not published yet. Renew the keys, so that every device hears of it."
        )
        found.append((words, Urgency.WARNING))
    if signing.proposal is not None and leading:
        found.append((t("A change of the centre's keys waits for signatures."), Urgency.WARNING))
    elif signing.due:
        until = date_words(signing.runs_out)
        if now >= signing.runs_out:
            words = t(
                "The centre's keys have run out on {day}. Records still arrive. Renew the keys today.",
                day=until,
            )
        elif signing.root_due:
            words = t("The key holders must be confirmed before {day}.", day=date_words(signing.root_expires))
        else:
            words = t("The centre's keys run out on {day}. Ask the key holders to sign new ones.", day=until)
        found.append((words, Urgency.WARNING))
    go = bound(state.go, Screen.KEYS) if leading else None
    return [notice(state, words, urgency=urgency, on_click=go) for words, urgency in found]


def _split_words(state: DeskState, view: SplitView) -> str:
    return state.t(
        "The device {name} works with a list of the centre that this centre never made. Somebody may be "
        "deceiving it. Call its worker by phone, and let nobody send from it.",
        name=isolate(view.device),
    )


@dataclass(frozen=True, slots=True)
class Collecting:
    """What is typed while signatures are collected, each a value with its setter; `said` is what happened last."""

    folder: Field
    words: Field = field(repr=False)
    said: Field = field(repr=False)


def collecting(state: DeskState, trying: Trying, form: Collecting) -> list[ft.Control]:
    """Offer both ways to a signature: a key holder who is here, and a file for one who is not."""
    t, signing = state.t, state.open.signing
    (folder, set_folder), (words, set_words), (said, set_said) = form.folder, form.words, form.said

    async def sign() -> None:
        set_said("")
        signed = await signing.sign_here(existing_folder(folder), words)
        set_words("")
        set_said(_again(t) if signed.again else t("Signed. You can take the key away now."))

    async def write() -> None:
        set_said("")
        path = await signing.write_request(existing_folder(folder))
        set_said(t("Written: {file}. Carry it to a key holder.", file=path.name))

    async def read() -> None:
        set_said("")
        count = await signing.read_signatures(existing_folder(folder))
        set_said(state.tn("{n} signature file was read.", "{n} signature files were read.", count))

    def typed_folder(text: str) -> None:
        trying.clear()
        set_folder(text)

    ready = bool(folder.strip())
    return [
        *([notice(state, said, icon=ft.Icons.CHECK_ROUNDED)] if said else []),
        text_field(
            state,
            t("Folder on a USB stick"),
            folder,
            typed(typed_folder),
            helper=t("The whole path, such as /media/keys."),
        ),
        section(
            state,
            t("A key holder is here"),
            [
                password_field(
                    state,
                    t("The seven words"),
                    words,
                    typed(set_words),
                    helper=t("Only after you have read what is to be signed."),
                ),
                secondary_button(
                    state,
                    t("Sign with this key"),
                    trying.of(sign) if ready and words.strip() else None,
                    identifier="sign",
                ),
            ],
        ),
        section(
            state,
            t("A key holder is elsewhere"),
            [
                quiet(state, t("They read and sign it with: fieldapp keys sign")),
                secondary_button(
                    state, t("Write the request"), trying.of(write) if ready else None, identifier="write"
                ),
                secondary_button(
                    state, t("Read signatures"), trying.of(read) if ready else None, identifier="read"
                ),
            ],
        ),
    ]


def date_question(state: DeskState, on_sure: Handler) -> ft.Control:
    """Ask whether the date of this computer is right: a wrong one would destroy keys that are in use."""
    t = state.t
    day = date_words(state.gate.clock.now())
    return card(
        state,
        [
            body(state, t("This computer says that today is {day}.", day=day), strong=True),
            secondary_button(state, t("Yes, the date is right"), on_sure, identifier="date-right"),
        ],
    )


def existing_folder(typed_path: str) -> Path:
    """Return a typed folder; KeyFolderUnusable when it is not the whole path of one that is there."""
    try:
        path = Path(typed_path.strip()).expanduser()
        if path.is_absolute() and path.is_dir():
            return path
    except (OSError, RuntimeError, ValueError):
        pass
    raise KeyFolderUnusable("not there")


def _again(t: Translator) -> str:
    return t(
        "Signed. This key has signed another request for the same version before: make sure that only one of "
        "the two is published."
    )

"""The notes in front of the lock: a list with a search box, and a page to write on. They work, and are no secret.

The search box is where a locked device is opened. Nothing here may tell: a word that opens nothing has been a search, it
takes as long as one that opens, and what was typed does not stay on the screen, whatever it was. Not before Enter or the
glass is anything tried.
"""

import inspect
from collections.abc import Callable, Sequence

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import Look, icon_button, pressable, primary_button, quiet_button
from fieldapp.kit.fields import page_field, search_field, typed
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Gone, bound
from fieldapp.kit.notices import empty_state, notice, progress
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.services.front_notes import LONGEST, FrontNote, NoRoomForNote, NotesUnwritable
from fieldapp.ui.parts.frame import ROUTE, undo_bar
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState, Screen, Undo

_ALL: tuple[str, ...] | None = None


@component
def notes_screen(state: FieldState) -> ft.View:
    """List the notes, newest first, or what was searched for."""
    box, set_box = ft.use_state(("", state.away))
    found, set_found = ft.use_state(_ALL)
    searches, set_searches = ft.use_state(0)
    trying, undoing = use_trying(state), use_trying(state)
    # A passphrase that was only typed can be read: it stays no longer than its writer.
    word = box[0] if box[1] == state.away else ""
    t, front, shelf = state.t, state.gate.front, state.gate.shelf

    def set_word(words: str) -> None:
        set_box((words, state.away))

    async def search() -> None:
        if not word:
            set_found(None)
            return
        set_word("")
        set_searches(searches + 1)
        await state.search(word)
        if state.notebook is None:
            set_found(tuple(note.id for note in front.of(shelf.chosen) if note.holds(word)))

    async def write() -> None:
        state.go(Screen.NOTE, state.gate.new_note_id())

    shown = [note for note in front.of(shelf.chosen) if found is None or note.id in found]
    undo = []
    if state.undo:
        # Not of `trying`: while something is looked for, a note that is put back must not be lost.
        undo = [undo_bar(state, Undo(state.undo.words, undoing.of(_take_back, state, state.undo)))]
    new = primary_button(
        state,
        t("New note"),
        None if front.full else write,
        icon=ft.Icons.EDIT_OUTLINED,
        identifier="note-new",
    )
    return layout.screen(
        state,
        ROUTE,
        [
            search_field(
                state,
                t("Search"),
                word,
                typed(set_word),
                trying.of(search),
                identifier="notes-search",
                searches=searches + state.away,
            ),
            *_folders(state, lambda: set_found(None)),
            *trying.shown(),
            *undoing.shown(),
            # Always there: what comes and goes above them would draw the notes anew.
            ft.Column(
                [progress(state, t("Searching"))] if state.busy else _results(state, found, set_found),
                key="results",
            ),
            *([] if state.busy else _listed(state, shown, searched=found is not None)),
            *([notice(state, t("There is no room for more notes."))] if front.full else []),
        ],
        title=t("Notes"),
        bottom=[*undo, new],
        unlocked=False,
    )


def _folders(state: FieldState, on_change: Callable[[], None]) -> list[ft.Control]:
    """Offer the notebooks of a shared device as what they look like: places for notes. Numbers, never names."""
    t, shelf = state.t, state.gate.shelf
    there = shelf.notebooks
    if len(there) < 2 or state.busy:
        return []

    def choose(key: str) -> None:
        on_change()
        state.choose_notebook(int(key))
        state.beat += 1

    options = [Option(str(n), t("Notebook {n}", n=n)) for n in there]
    return [
        chips(state, t("Notebooks"), options, frozenset({str(shelf.chosen)}), choose, identifier="notebook")
    ]


def _results(
    state: FieldState, found: tuple[str, ...] | None, set_found: Callable[[tuple[str, ...] | None], None]
) -> list[ft.Control]:
    if found is None:
        return []
    count = state.tn("{n} note found", "{n} notes found", len(found)) if found else state.t("No notes found")
    words = quiet(state, count)
    words.expand = True
    every = quiet_button(state, state.t("All notes"), lambda: set_found(None), identifier="notes-all")
    return [ft.Row([words, every], spacing=state.theme.gap)]


def _listed(state: FieldState, shown: Sequence[FrontNote], *, searched: bool) -> list[ft.Control]:
    t = state.t
    if shown:
        return [_row(state, note) for note in shown]
    if searched:
        return []
    words = t("What you write down appears here.")
    return [empty_state(state, ft.Icons.STICKY_NOTE_2_OUTLINED, t("No notes yet"), words)]


def _row(state: FieldState, note: FrontNote) -> ft.Control:
    theme, p = state.theme, state.theme.palette
    title = body(state, isolate(note.title), strong=True)
    title.max_lines, title.overflow, title.expand = 1, ft.TextOverflow.ELLIPSIS, True
    clock = state.gate.clock
    changed = quiet(state, past_words(state.t, local_time(note.at), clock.local()))
    lines: list[ft.Control] = [ft.Row([title, changed], spacing=theme.gap)]
    if note.rest:
        rest = quiet(state, isolate(note.rest))
        rest.max_lines, rest.overflow = 2, ft.TextOverflow.ELLIPSIS
        lines.append(rest)
    return pressable(
        state,
        ft.Column(lines, spacing=theme.tight, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        bound(state.go, Screen.NOTE, note.id),
        Look(p.card, p.ink, p.line),
        padding=ft.Padding.symmetric(horizontal=theme.side, vertical=theme.gap + theme.tight),
        identifier=f"note-{note.id}",
    )


@component
def note_screen(state: FieldState) -> ft.View:
    """Write: every letter is kept at once, as in any notes app."""
    front, note_id = state.gate.front, str(state.about(Screen.NOTE))
    begun = use_once(lambda: front.note(note_id))
    text, set_text = ft.use_state(begun.text if begun else "")
    trying = use_trying(state)
    if not front.chosen:
        raise Gone("left")

    async def write(words: str) -> None:
        set_text(words)
        folder = begun.folder if begun else state.gate.shelf.chosen
        await _keep(state, trying, FrontNote(note_id, words, state.gate.clock.now(), folder))

    async def delete() -> None:
        gone = front.note(note_id)
        await trying.of(front.remove, note_id)()
        if gone is not None and front.note(note_id) is None:
            state.back()
            state.undo = Undo(state.t("Note deleted"), lambda: front.put(gone))

    kept = front.note(note_id)
    bin_ = icon_button(
        state,
        ft.Icons.DELETE_OUTLINE_ROUNDED,
        state.t("Delete"),
        delete if kept else None,
        identifier="note-delete",
    )
    changed = past_words(state.t, local_time(kept.at), state.gate.clock.local()) if kept else ""
    return layout.screen(
        state,
        ROUTE,
        [
            *trying.shown(),
            page_field(state, state.t("Write something"), text, typed(write), max_length=LONGEST),
        ],
        title=changed or state.t("New note"),
        on_back=state.back,
        actions=[bin_],
        unlocked=False,
    )


async def _keep(state: FieldState, trying: Trying, note: FrontNote) -> None:
    """Save what was typed; a page without words is no note."""
    front = state.gate.front
    try:
        if note.text.strip():
            await front.put(note)
        else:
            await front.remove(note.id)
    except (NotesUnwritable, NoRoomForNote) as error:
        trying.fail(error)
    else:
        trying.clear()


async def _take_back(state: FieldState, undo: Undo) -> None:
    """Put a deleted note back; a disk that refuses is said, and the note is shown all the same."""
    try:
        result = undo.take_back()
        if inspect.isawaitable(result):
            await result
    finally:
        state.beat += 1

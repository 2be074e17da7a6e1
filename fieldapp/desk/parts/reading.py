"""A PDF of an open record, one page at a time, each a picture that was drawn in memory by a program of its own.

The program ends with its page. When the part leaves the screen, for whatever reason, a page that is still being drawn
is given up and the one that is shown is dropped.
"""

import asyncio
from typing import Final

import flet as ft

from fieldapp.desk.parts.copying import copy_part
from fieldapp.desk.shown import ShownFile
from fieldapp.desk.state import DeskState
from fieldapp.domain.attachment import Attachment
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import bound
from fieldapp.kit.notices import progress
from fieldapp.kit.text import body, quiet
from fieldapp.services.desk.pages import LAST_PAGE, Page, PageNotDrawn, Why, draw
from fieldapp.services.media.pictures import shape_of

PICTURE_HEIGHT: Final = 480
"""Pixels of the height of a strip, as of an upright photo."""
LARGE: Final = 1400
"""Pixels of the width of a page that somebody wanted larger; it is moved sideways then."""
TALLEST: Final = 3
"""How often the width of a page goes into its height at most: a taller one is shown small, with all below it in reach."""


class Reader(ft.Observable):
    """One document. `number` is the page that is wanted, `drawn` that of `page` (both from 0); `pages` 0 if unknown."""

    def __init__(self, shown: ShownFile) -> None:
        """Begin where the document was left."""
        self._shown = shown
        self.number = shown.page
        self.drawn = shown.page
        self.page: Page | None = None
        self.why: Why | None = None
        self.pages = shown.pages
        self._drawing: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Draw the page that is wanted. Who cancels this gives it up."""
        number, self._drawing = self.number, asyncio.current_task()
        self._shown.stop = self.close
        try:
            page = await draw(self._shown.data, number)
            # As strictly as a photo: nothing else is handed to the client's decoder.
            if shape_of(page.picture) is None:
                raise PageNotDrawn(Why.FAILED, page.pages)
        except PageNotDrawn as error:
            self.page, self.why, self.pages = None, error.why, error.pages or self.pages
        else:
            self.page, self.why, self.pages = page, None, page.pages
        self.drawn, self._shown.pages = number, self.pages

    def close(self) -> None:
        """Drop the page and give up one that is being drawn; whether or not Flet still takes the part off the screen."""
        drawing, self._drawing, self.page = self._drawing, None, None
        if drawing is not None:
            drawing.cancel()

    def forward(self) -> None:
        """Turn to the next page, if there is one."""
        self._turn(self.number + 1)

    def back(self) -> None:
        """Turn to the page before, if there is one."""
        self._turn(self.number - 1)

    def _turn(self, number: int) -> None:
        if 0 <= number < self.pages:
            self.number = self._shown.page = number


@component
def document_part(state: DeskState, shown: ShownFile, file: Attachment) -> ft.Control:
    """Show a document from the page on where it was left."""
    reader = use_once(lambda: Reader(shown))
    return _pages(state, reader, file)


@component
def _pages(state: DeskState, reader: Reader, file: Attachment) -> ft.Control:
    t, page = state.t, reader.page
    large, set_large = ft.use_state(False)
    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(reader.look, [reader.number], cleanup=lambda: None)
    turns = (reader.back, reader.forward)

    def leave() -> None:
        state.end_turns(turns)
        reader.close()

    ft.use_effect(lambda: state.show_turns(turns), [], cleanup=leave)
    parts: list[ft.Control] = []
    if reader.pages > 1:
        parts.append(_turning(state, reader))
    if reader.why is not None:
        parts.append(copy_part(state, file, _why_words(state, reader.why)))
    elif page is None:
        parts.append(progress(state, t("The page is being drawn")))
    else:
        label = t("Page {n} of {total}", n=reader.drawn + 1, total=reader.pages)
        parts.append(_picture(state, page, label, large=large))
        words, icon = (
            (t("Smaller"), ft.Icons.ZOOM_OUT_ROUNDED) if large else (t("Larger"), ft.Icons.ZOOM_IN_ROUNDED)
        )
        parts.append(
            quiet_button(state, words, bound(set_large, not large), icon=icon, identifier="page-size")
        )
        if page.more:
            parts.append(quiet(state, t("The document is longer. Only {n} pages are shown.", n=LAST_PAGE)))
        parts.append(copy_part(state, file, ""))
    return ft.Column(parts, spacing=state.theme.small, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _turning(state: DeskState, reader: Reader) -> ft.Control:
    t = state.t
    first, last = reader.number == 0, reader.number + 1 >= reader.pages
    # What is seen while a page is drawn is still the one before.
    seen = t("Page {n} of {total}", n=reader.drawn + 1, total=reader.pages)
    where = body(state, seen if reader.drawn == reader.number else t("The page is being drawn"))
    where.text_align = ft.TextAlign.CENTER
    back = secondary_button(
        state,
        t("Previous page"),
        None if first else reader.back,
        icon=ft.Icons.CHEVRON_LEFT_ROUNDED,
        expand=True,
        identifier="page-back",
    )
    forward = secondary_button(
        state,
        t("Next page"),
        None if last else reader.forward,
        icon=ft.Icons.CHEVRON_RIGHT_ROUNDED,
        expand=True,
        identifier="page-next",
    )
    buttons: ft.Control = ft.Row([back, forward], spacing=state.theme.gap)
    if state.theme.stacked or state.phone:
        buttons = ft.Column([back, forward], spacing=state.theme.gap)
    return ft.Column(
        [where, buttons], spacing=state.theme.small, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def _picture(state: DeskState, page: Page, label: str, *, large: bool) -> ft.Control:
    width, height = shape_of(page.picture) or (1, 1)
    tall = height > TALLEST * width
    # Of a page that is not large the height follows from the room there is, but for a strip.
    shown_height = LARGE * min(height / width, TALLEST) if large else PICTURE_HEIGHT if tall else None
    picture = ft.Image(
        src=page.picture,
        width=LARGE if large else None,
        height=shown_height,
        fit=ft.BoxFit.CONTAIN if tall else ft.BoxFit.FIT_WIDTH,
        gapless_playback=True,
        semantics_label=label,
    )
    framed = ft.Container(picture, border=ft.Border.all(state.theme.hair, state.theme.palette.line))
    return ft.Row([framed], scroll=ft.ScrollMode.AUTO) if large else framed


def _why_words(state: DeskState, why: Why) -> str:
    t = state.t
    match why:
        case Why.PASSWORD:
            return t("This document is locked with a password.")
        case Why.EMPTY:
            return t("This document has no page.")
        case Why.FAILED:
            return t("This page cannot be drawn safely.")
        case Why.NOWHERE:
            return t("Documents cannot be drawn safely on this computer.")

"""A finished record on lists: an alias, how far it has come, a level; never a name."""

import flet as ft

from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row
from fieldapp.kit.notices import level_shape, level_word
from fieldapp.kit.text import isolate
from fieldapp.kit.times import day_words, local_time, past_words
from fieldapp.services.filed import Filed, Stage
from fieldapp.ui.parts.names import level_of, stage_words, what_words
from fieldapp.ui.state import FieldState, Screen


def record_row(state: FieldState, record: Filed) -> ft.Control:
    """Return the row of one record: alias, what it is, how far it has come, level in word and shape, and when."""
    t, level, now = state.t, level_of(record), state.open.book.clock.local()
    theme = state.theme
    if level:
        leading = level_shape(state, level)
    else:
        icon = ft.Icon(ft.Icons.CHAT_BUBBLE_OUTLINE_ROUNDED, size=theme.icon, color=theme.palette.muted)
        leading = ft.Container(icon, width=theme.target, height=theme.target, alignment=ft.Alignment.CENTER)
    detail = t("{what}. {stage}.", what=what_words(t, record), stage=progress_words(state, record))
    return list_row(
        state,
        isolate(record.alias),
        detail,
        leading=leading,
        trailing=level_word(state, level) if level else "",
        trailing_detail=past_words(t, local_time(record.at), now),
        on_click=bound(state.go, Screen.RECORD, record.record_id),
        identifier=f"record-{record.record_id.hex()[:8]}",
    )


def progress_words(state: FieldState, record: Filed) -> str:
    """Say how far a record has come, with the time when it was opened and whether it was acted on."""
    t, book = state.t, state.open.book
    stage = book.stage(record)
    now = book.clock.local()
    if stage is Stage.KEPT and record.keep_until:
        return t("Kept here until {day}", day=day_words(t, record.keep_until, now.date()))
    if stage is Stage.OPENED and record.opened_at:
        opened = past_words(t, local_time(record.opened_at), now)
        return (
            t("Opened {time}, acted on", time=opened) if record.acted_at else t("Opened {time}", time=opened)
        )
    if stage is Stage.RECEIVED and record.attachments and all(part.opened for part in record.own_parts):
        progress = book.progress(record)
        return t("Opened; {n} of {total} parts of its files", n=progress.opened, total=progress.total)
    return stage_words(t, stage, book.standing)

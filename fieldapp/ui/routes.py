"""The map of the field app: every place and the component that draws it.

The officer's path runs down the second half: opening card, alone?, who, the questions, safe contact, who must not see
this, result, finish. Each screen is a function of `FieldState` and calls `fieldapp.services` for everything durable.
"""

from collections.abc import Callable, Mapping
from typing import Final

import flet as ft

from fieldapp.ui.screens import (
    about,
    cases,
    contact,
    copied,
    door,
    enrol,
    forced,
    front,
    home,
    messages,
    notes,
    outbox,
    passphrase,
    recovery,
    rules,
    settings,
)
from fieldapp.ui.screens.screening import (
    act_now,
    finish,
    opening,
    question,
    result,
    safe_contact,
    show,
    who,
    withhold,
)
from fieldapp.ui.state import FieldState, Screen

SCREENS: Final[Mapping[Screen, Callable[[FieldState], ft.Control]]] = {
    Screen.FIRST_START: door.first_start_screen,
    Screen.LOCK: door.lock_screen,
    Screen.NOTES: notes.notes_screen,
    Screen.NOTE: notes.note_screen,
    Screen.HOME: home.home_screen,
    Screen.ENROL: enrol.enrol_screen,
    Screen.SETTINGS: settings.settings_screen,
    Screen.PASSPHRASE: passphrase.passphrase_screen,
    Screen.PIN: passphrase.pin_screen,
    Screen.SHEET: recovery.sheet_screen,
    Screen.COPIED: copied.copied_screen,
    Screen.NEW_KEY: copied.new_key_screen,
    Screen.FORCED: forced.forced_screen,
    Screen.FORCED_WORD: forced.forced_word_screen,
    Screen.FRONT: front.front_screen,
    Screen.RECOVER: recovery.recover_screen,
    Screen.ABOUT: about.about_screen,
    Screen.OUTBOX: outbox.outbox_screen,
    Screen.MESSAGES: messages.messages_screen,
    Screen.RECORD: outbox.record_screen,
    Screen.CASES: cases.cases_screen,
    Screen.CASE: cases.case_screen,
    Screen.RULES: rules.rules_screen,
    Screen.CONTACT: contact.contact_screen,
    Screen.OPENING: opening.opening_screen,
    Screen.ALONE: opening.alone_screen,
    Screen.OBSERVE: opening.observe_screen,
    Screen.WHO: who.who_screen,
    Screen.QUESTION: question.question_screen,
    Screen.OVERVIEW: question.overview_screen,
    Screen.SHOW: show.show_screen,
    Screen.ACT_NOW: act_now.act_now_screen,
    Screen.SAFE_CONTACT: safe_contact.safe_contact_screen,
    Screen.WITHHOLD: withhold.withhold_screen,
    Screen.RESULT: result.result_screen,
    Screen.RAISE: result.raise_screen,
    Screen.FINISH: finish.finish_screen,
    Screen.DONE: finish.done_screen,
}

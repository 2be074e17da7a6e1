"""If somebody forces you: a second passphrase, a wipe passphrase and erasing at once, with what each does not do.

The page looks the same in every notebook. The two passphrases can be set once the device belongs to a centre; a second
notebook never does, so nobody can overwrite the first one from there, and nothing on the page tells which one it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import password_field, pin_field, typed
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Question, bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.passphrase import Choose, passphrase_chooser
from fieldapp.kit.pin import pin_chooser
from fieldapp.kit.text import body
from fieldapp.services import passphrases
from fieldapp.services.passphrases import Choice
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState, Screen
from fieldapp.vault import PassphraseTaken, SlotKind, WrongOtherWord, WrongPassphrase


@dataclass(frozen=True, slots=True)
class _Word:
    """What a page says of one of the two passphrases."""

    kind: SlotKind
    title: str
    does: str
    limit: str
    done: str
    other: str


def _words(t: Translator) -> dict[str, _Word]:
    second = _Word(
        SlotKind.OPEN,
        t("Second passphrase"),
        t("It opens another notebook on this device, which looks like one that is not enrolled yet."),
        t(
            "Open it now and then and write something harmless in it: an empty notebook convinces nobody. Nothing in it "
            "is ever sent."
        ),
        t("From now on it opens the other notebook. Fill that with something harmless."),
        t("Your second passphrase"),
    )
    wipe = _Word(
        SlotKind.WIPE_THEN_OPEN,
        t("Wipe passphrase"),
        t("Typed on the lock screen, it makes this notebook unreadable for good and opens the other one."),
        t(
            "It asks nothing and cannot be undone. What is finished and sealed still reaches the centre; drafts and your "
            "list of cases are lost."
        )
        + " "
        + t("From then on nothing else opens this device: not yours, not the second one, no recovery sheet."),
        t("From now on it wipes this notebook without a question. Do not try it out."),
        t("Your wipe passphrase"),
    )
    return {"second": second, "wipe": wipe}


@component
def forced_screen(state: FieldState) -> ft.View:
    """Explain, offer the two passphrases, and erase after one question."""
    t, trying, book = state.t, use_trying(state), state.open.book
    rows: list[ft.Control] = []
    for key, word in _words(t).items():
        is_set = t("Set. Tap to change or remove it.") if book.word_is_set(word.kind) else t("Not set")
        rows.append(
            list_row(
                state,
                word.title,
                is_set,
                on_click=bound(state.go, Screen.FORCED_WORD, key) if book.may_set_words else None,
                identifier=f"forced-{key}",
            )
        )
    if not book.may_set_words:
        rows.append(
            notice(
                state,
                t("You can set them once this device is enrolled: a wipe would destroy what no centre has."),
            )
        )
    return framed(
        state,
        [
            body(state, t("Nobody should have to choose between their safety and these records.")),
            *trying.shown(),
            section(state, t("Two more passphrases"), rows),
            section(state, t("Erase at once"), _erasing(state, trying)),
            section(state, t("What none of this can do"), [body(state, words) for words in _limits(state)]),
        ],
        title=t("If somebody forces you"),
    )


def _erasing(state: FieldState, trying: Trying) -> list[ft.Control]:
    t = state.t
    question = Question(
        t("Erase this notebook now?"),
        t(
            "Everything that is only here is lost. What is finished is sealed first and still reaches the centre."
        ),
        yes=t("Erase and lock"),
        no=t("Go back"),
        on_yes=trying.once(state.open.book.erase),
        danger=True,
    )
    words = t(
        "Makes this notebook unreadable for good. Your passphrase then opens one without these records."
    )
    erase = secondary_button(
        state, t("Erase this notebook"), bound(state.ask, question), identifier="forced-erase"
    )
    return [body(state, words), *_closed_by_erasing(state), erase]


def _closed_by_erasing(state: FieldState) -> list[ft.Control]:
    t, book = state.t, state.open.book
    if not (book.word_is_set(SlotKind.OPEN) or book.word_is_set(SlotKind.WIPE_THEN_OPEN)):
        return []
    return [body(state, t("Afterwards the second and the wipe passphrase open nothing any more."))]


def _limits(state: FieldState) -> list[str]:
    t, book = state.t, state.open.book
    of_pins = t(
        "Only a centre allows a PIN. Whoever knows that may wonder about a notebook without a centre that opens with one."
    )
    return [
        t("Whoever knows this app can demand every passphrase. None of them proves that there is no other."),
        t("A copy of the device that was made before can still be opened with your passphrase."),
        t("An expert with tools and the second passphrase can see that there is another notebook."),
        *([of_pins] if book.opened_by_pin and book.may_set_words else []),
        t("What was sent stays at the centre. What somebody has seen or photographed stays seen."),
        t("Do what keeps you safe. If you must, give them the passphrase."),
    ]


def _choosing(
    state: FieldState, choose: Choose, choice: Choice, set_in_words: Callable[[bool], None], *, pin: bool
) -> list[ft.Control]:
    """Let the new one be chosen. Beside a PIN it is a PIN: whoever watches must not see which of them is typed."""
    t = state.t
    words = t("Set and test it")
    if not pin:
        return [passphrase_chooser(state, choose, words)]
    return [
        body(
            state,
            t("A PIN with as many digits as yours: else it can be seen which one you type."),
        ),
        pin_chooser(state, choose, words, choice),
        quiet_button(
            state, t("Choose a passphrase instead"), lambda: set_in_words(True), identifier="in-words"
        ),
    ]


@component
def forced_word_screen(state: FieldState) -> ft.View:
    """Set, change or remove one of the two passphrases; the notebook's own passphrase is asked first."""
    t, trying, book = state.t, use_trying(state), state.open.book
    words = _words(t)
    word = words["wipe" if state.about(Screen.FORCED_WORD) == "wipe" else "second"]
    another = words["wipe" if word.kind is SlotKind.OPEN else "second"]
    own, set_own = ft.use_state("")
    other, set_other = ft.use_state("")
    said, set_said = ft.use_state("")
    done, set_done = ft.use_state("")
    in_words, set_in_words = ft.use_state(False)
    by_pin = book.opened_by_pin
    pin = by_pin and book.choice is Choice.PIN_OR_PASSPHRASE and not in_words
    asks_other = book.word_is_set(another.kind)

    async def set_word(new: str) -> None:
        await book.set_word(word.kind, own, new, other if asks_other else "")
        set_own("")
        set_other("")
        set_done(word.done)

    async def choose(new: str) -> None:
        trying.clear()
        if not own or (asks_other and not other):
            set_said(t("Type what is asked above first."))
        elif any(passphrases.too_close(new, known) for known in (own, other)):
            set_said(
                t(
                    "This is too close to another passphrase: one slip of a finger, and you type the wrong one."
                )
            )
        else:
            set_said("")
            await trying.of(set_word, new)()

    async def remove() -> None:
        await book.remove_word(word.kind, own)
        set_own("")
        set_done(t("It opens nothing any more."))

    if done:
        shown = empty_state(state, ft.Icons.CHECK_ROUNDED, t("Done and tested"), done)
        return framed(
            state,
            [shown],
            title=word.title,
            bottom=[primary_button(state, t("Done"), state.back, identifier="forced-done")],
        )
    error = trying.error
    wrong_other = isinstance(error, WrongOtherWord)
    wrong_own = isinstance(error, WrongPassphrase) and not wrong_other
    if isinstance(error, PassphraseTaken):
        said = t("This passphrase cannot be used for this. Choose another one.")
    refused = t("That is not right.")
    ask = pin_field if by_pin else password_field
    fields = [
        ask(
            state,
            t("Your PIN") if by_pin else t("Your passphrase"),
            own,
            typed(set_own),
            error=refused if wrong_own else None,
            autofocus=True,
        )
    ]
    if asks_other:
        fields.append(
            password_field(
                state, another.other, other, typed(set_other), error=refused if wrong_other else None
            )
        )
    notices = [notice(state, said, urgency=Urgency.WARNING)] if said else []
    known = isinstance(error, WrongPassphrase | PassphraseTaken)
    removing = []
    if book.word_is_set(word.kind):
        removing = [
            section(
                state,
                t("Or"),
                [
                    secondary_button(
                        state, t("Remove it"), trying.of(remove) if own else None, identifier="forced-remove"
                    )
                ],
            )
        ]
    return framed(
        state,
        [
            body(state, word.does),
            notice(state, word.limit),
            *fields,
            # Always there: what comes and goes above the fields would empty them.
            ft.Column(
                [*notices, *([] if known else trying.shown(t("Setting and testing. This takes a moment.")))],
                spacing=state.theme.gap,
            ),
            section(state, t("The new one"), _choosing(state, choose, book.choice, set_in_words, pin=pin)),
            *removing,
        ],
        title=word.title,
    )

"""The steps of a screening: where it goes on, where it goes back, and where it is resumed.

The draft keeps the step (`Screening.position`): the id of an item in lower case, or the name of a screen. Moving on
writes the draft first, so that whoever is interrupted comes back to the step that was shown last.
"""

import time
from collections.abc import Callable
from typing import Final

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Identity, Mode, Screening
from fieldapp.ui.state import FieldState, Place, Screen

Change = Callable[[Screening], Screening]

DOUBLE_TAP: Final = 0.2
"""Seconds: the same answer tapped again within it is one tap of a nervous finger, not an answer to the next question."""

_STEPS: Final = (
    Screen.OPENING,
    Screen.ALONE,
    Screen.OBSERVE,
    Screen.WHO,
    Screen.OVERVIEW,
    Screen.SAFE_CONTACT,
    Screen.WITHHOLD,
    Screen.RESULT,
    Screen.FINISH,
)


async def begin(state: FieldState, mode: Mode | None = None) -> None:
    """Start a screening, by default in the worker's kind of work, and show its first step.

    Raises what `Screenings.begin` raises. Whoever locks meanwhile keeps the draft and does not see it.
    """
    notebook = state.open
    chosen = mode or Mode(notebook.book.settings.work.value)
    screening = await notebook.screenings.begin(chosen, language=state.language)
    if state.notebook is notebook:
        state.home()
        state.screening = screening
        state.go(Screen.OPENING)


def resume(state: FieldState, screening: Screening) -> None:
    """Open a draft at the step that was shown last."""
    state.home()
    state.screening = screening
    place = resume_place(screening)
    state.go(place.screen, place.about)


def resume_place(screening: Screening) -> Place:
    """Return the place of the step that was shown last; the opening when nothing was."""
    key = screening.position
    item = key.upper()
    if item in screening.instrument.by_id:
        return Place(Screen.QUESTION, item)
    return Place(Screen(key)) if key in _STEPS else Place(Screen.OPENING)


def position_of(place: Place) -> str:
    """Return a place as the draft keeps it."""
    return str(place.about).lower() if place.screen is Screen.QUESTION else place.screen.value


async def move(state: FieldState, to: Place, change: Change = lambda s: s) -> None:
    """Save `change` and the new position, then show `to`; nothing moves when that fails."""
    await state.change(
        lambda s: change(s).with_position(position_of(to)), lambda: state.go(to.screen, to.about)
    )


async def go_back(state: FieldState) -> None:
    """Return to the step before: where the worker came from, or after resuming the one before in order."""
    below = state.places[-2] if len(state.places) > 1 else None
    if below is not None and _is_step(below):
        await state.change(lambda s: s.with_position(position_of(below)), state.back)
        return
    screening = state.screening
    before = _step_before(screening, state.place) if screening else None
    if before is None:
        await _leave(state)
        return
    place = before
    await state.change(
        lambda s: s.with_position(position_of(place)), lambda: state.swap(place.screen, place.about)
    )


def after_question(state: FieldState, screening: Screening, item_id: str) -> Place:
    """Return what follows a question: the next one, or what is after the last.

    Whoever came from the result returns there. Outreach, where any order goes, skips what is answered already and
    ends at the overview as long as something is open.
    """
    if any(place.screen is Screen.RESULT for place in state.places[-2:-1]):
        return Place(Screen.RESULT)
    later = screening.order[screening.order.index(item_id) + 1 :]
    if screening.mode is Mode.OFFICER:
        return Place(Screen.QUESTION, later[0]) if later else Place(Screen.SAFE_CONTACT)
    unseen = [key for key in later if key not in screening.answers]
    if unseen:
        return Place(Screen.QUESTION, unseen[0])
    some_left = any(key not in screening.answers for key in screening.order if key != item_id)
    return Place(Screen.OVERVIEW if some_left else Screen.SAFE_CONTACT)


def first_question(screening: Screening) -> Place:
    """Return where the questions begin: the first one, or for outreach the overview."""
    if screening.mode is Mode.OUTREACH:
        return Place(Screen.OVERVIEW)
    return Place(Screen.QUESTION, screening.order[0])


def first_open(screening: Screening) -> Place | None:
    """Return the first question that counts for the result and is still open."""
    items = (screening.instrument.by_id[key] for key in screening.order)
    still_open = (Answer.UNKNOWN, Answer.NOT_ASKED)
    for item in items:
        if (item.critical or item.points) and screening.answer(item.id) in still_open:
            return Place(Screen.QUESTION, item.id)
    return None


class TapGuard:
    """Tells a second tap of the same finger from an answer to the next question."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: tuple[str, float] = ("", float("-inf"))

    def doubled(self, answer: str) -> bool:
        """Say whether `answer` was tapped just before; remembers this tap."""
        (last, at), now = self._last, self._now()
        self._last = (answer, now)
        return last == answer and now - at < DOUBLE_TAP


async def _leave(state: FieldState) -> None:
    """Go home from the first step; a screening in which nothing was said yet leaves no draft behind."""
    screening = state.screening
    if screening is not None and _untouched(screening):
        await state.open.screenings.discard(screening.id)
    if state.notebook is not None:
        state.home()


def _untouched(screening: Screening) -> bool:
    said = screening.answers or screening.observations or screening.continues
    return not said and screening.identity == Identity()


def _is_step(place: Place) -> bool:
    return place.screen is Screen.QUESTION or place.screen in _STEPS


def _step_before(screening: Screening, place: Place) -> Place | None:
    if place.screen is Screen.QUESTION:
        index = screening.order.index(str(place.about))
        officer = screening.mode is Mode.OFFICER
        if officer and index:
            return Place(Screen.QUESTION, screening.order[index - 1])
        return Place(Screen.WHO if officer else Screen.OVERVIEW)
    last = Place(Screen.QUESTION, screening.order[-1])
    return {
        Screen.ALONE: Place(Screen.OPENING),
        Screen.OBSERVE: Place(Screen.OPENING),
        Screen.WHO: Place(Screen.OPENING),
        Screen.OVERVIEW: Place(Screen.WHO),
        Screen.SAFE_CONTACT: last if screening.mode is Mode.OFFICER else Place(Screen.OVERVIEW),
        Screen.WITHHOLD: Place(Screen.SAFE_CONTACT),
        Screen.RESULT: Place(Screen.WITHHOLD),
        Screen.FINISH: Place(Screen.OBSERVE if screening.observing else Screen.RESULT),
    }.get(place.screen)

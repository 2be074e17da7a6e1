"""Made-up cases for the demo. No person, place or number in here exists."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fieldapp.domain.contact import (
    Channel,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
)
from fieldapp.domain.ids import Clock
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import (
    AgeGroup,
    Agency,
    FinishChoice,
    FinishKind,
    Identity,
    Mode,
    MustNotSee,
    Screening,
)
from fieldapp.services.case_file import Entry
from fieldapp.services.notebook import Notebook

YES: Final = Answer.YES
WORKDAYS: Final = range(5)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One made-up screening: which items are yes, which stay open, and the follow-ups."""

    mode: Mode
    yes: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    followups: tuple[tuple[str, str], ...] = ()
    name: str = ""
    age: AgeGroup = AgeGroup.UNKNOWN
    withhold: frozenset[Agency] = frozenset()
    note: tuple[str, str] | None = None


CASES: Final = (
    MadeUp(
        Mode.OFFICER,
        yes=("S03", "S04", "S13", "S14"),
        unknown=("S12", "S15"),
        followups=(("S04t", "now"), ("F14d", "yes"), ("S13t", "le7d")),
        name="Example One",
        note=("S04", "Made up: said so in the hallway, in front of a neighbour."),
    ),
    MadeUp(
        Mode.OUTREACH,
        yes=("S06", "S07"),
        unknown=("S14",),
        followups=(("S06t", "le14d"), ("S07t", "unknown")),
        name="فاطمة المثال",
        age=AgeGroup.MINOR,
        withhold=frozenset({Agency.POLICE}),
    ),
    MadeUp(Mode.OFFICER, yes=("S16", "S19"), name="Example Three"),
    MadeUp(Mode.OUTREACH, yes=("S18",), followups=(("F18b", "yes"), ("F18f", "no"))),
)
"""HIGH and NOW, HIGH within 24 hours (withheld from the police), SERIOUS, and CONCERN."""


async def screen(notebook: Notebook, case: MadeUp, *, language: str = "en") -> Screening:
    """Fill a draft with a made-up case and save it."""
    screening = await notebook.screenings.begin(case.mode, language=language)
    screening = screening.with_answer(screening.instrument.gate.id, YES)
    for key in screening.order:
        answer = YES if key in case.yes else Answer.UNKNOWN if key in case.unknown else Answer.NO
        screening = screening.with_answer(key, answer)
    for key, value in case.followups:
        screening = screening.with_followup(key, value)
    if case.name:
        screening = screening.with_identity(Identity(name=case.name, birth_year=2001))
    if case.note:
        screening = screening.with_note(*case.note)
    screening = screening.with_context(age_group=case.age).with_must_not_see(MustNotSee(case.withhold))
    await notebook.screenings.save(screening)
    return screening


async def finish(notebook: Notebook, screening: Screening) -> None:
    """Finish a made-up case and send it."""
    await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))


async def follow(notebook: Notebook, screening: Screening, clock: Clock) -> None:
    """Open a case after a screening, with safe-contact rules and two logged contacts."""
    case = await notebook.contacts.open_case(screening.id, screening.alias, safe_contact(clock))
    entries = (
        Entry(Outcome.REACHED_SAFE, Direction.IN, Channel.CALL, SeenBy.FAMILY, note="Made up: is at school."),
        Entry(Outcome.SOMEONE_ELSE_ANSWERED, Direction.OUT, reason="Made up: check-in was overdue."),
    )
    for entry in entries:
        await notebook.contacts.log(case, entry)


def safe_contact(clock: Clock) -> SafeContact:
    """Return made-up rules: reachable on school days at noon, never at night."""
    made_at = clock.local().replace(second=0, microsecond=0)
    until = (made_at + timedelta(days=14)).date()
    noon = tuple(SafeWindow(Window(day, 12 * 60, 13 * 60), until, Tie.SCHOOL) for day in WORKDAYS)
    nights = tuple(Window(day, 18 * 60, 8 * 60) for day in range(7))
    rules = ContactRules(
        made_at,
        safe=noon,
        never=nights,
        who_may_answer="Brother (made up)",
        what_to_say="This is the dentist's reception.",
        cover_story="A question about a lost bicycle.",
        code_word="blue scarf",
        distress_word="green umbrella",
    )
    return SafeContact(rules, Channel.CALL, "000 00 00 00", SeenBy.FAMILY, "School nurse (made up)")

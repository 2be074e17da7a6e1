"""Obviously made-up records, rich enough to fill every part of the desk's screens."""

import secrets
from datetime import datetime, timedelta

from fieldapp.assets import default_instrument
from fieldapp.codec import contact_body
from fieldapp.domain.contact import (
    Channel,
    CheckIn,
    ContactEvent,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
    contact_alarm,
)
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import Override, OverrideCause
from fieldapp.domain.screening import (
    AgeGroup,
    Agency,
    Basis,
    FinishChoice,
    FinishKind,
    Identity,
    Interpreter,
    Mode,
    MustNotSee,
    ReasonNotAsked,
    Screening,
    start_screening,
)
from fieldapp.domain.triage import Band, Level
from sync.canonical import dumps
from sync.protocol import MsgType
from tests.unit.centre.desk import Device, seal_record

NAME = "Made-up Canary Example"
CODE_WORD = "canary-lantern"
NUMBER = "000 11 22 33"
NOTE = "Canary note: looked at the door twice."


def blank(alias: str, at: int, mode: Mode = Mode.OFFICER) -> Screening:
    """Begin a screening five minutes before `at`."""
    return start_screening(
        screening_id=secrets.token_bytes(16),
        alias=alias,
        instrument=default_instrument(),
        at=at - 300,
        mode=mode,
    ).with_answer("G1", Answer.YES)


def send(made: Screening, at: int, handover: tuple[str, str] = ("copper", "meadow")) -> Screening:
    """Finish a screening as an officer does."""
    return made.finished(at, FinishChoice(FinishKind.SEND), handover)


def full(alias: str, at: int, local: datetime) -> Screening:
    """Make a screening in which everything was filled in: it asks for action now."""
    made = blank(alias, at)
    for key, answer in {
        "S01": Answer.YES,
        "S02": Answer.YES,
        "S04": Answer.UNKNOWN,
        "S05": Answer.NO,
        "S13": Answer.YES,
        "S14": Answer.YES,
        "S17": Answer.NO,
        "S18": Answer.YES,
        "S20": Answer.YES,
    }.items():
        made = made.with_answer(key, answer)
    made = made.with_answer("S08", Answer.NOT_ASKED, ReasonNotAsked.OVERHEARD)
    made = made.with_followup("S02t", "now").with_followup("F14d", "yes").with_followup("F20c", "no")
    made = made.with_basis("S02", Basis.SAID).with_note("S18", NOTE)
    made = made.with_observation("talk", seen=True)
    made = made.with_context(
        language="ar", interpreter=Interpreter.RELATIVE_OR_COMMUNITY, age_group=AgeGroup.MINOR
    )
    made = made.with_identity(Identity(NAME, 2009, "000 99 88 77", True, "MADE-UP 1"))
    made = made.with_must_not_see(MustNotSee(frozenset({Agency.TOWN_HALL}), "Made-up cousin"))
    made = made.with_override(
        Override(
            OverrideCause.NOT_ALONE, Level.HIGH, Band.NOW, "A made-up uncle would not leave the room at all."
        )
    )
    return send(made.with_safe_contact(reach(local)), at)


def reach(local: datetime) -> SafeContact:
    """Say how somebody can be reached: safe now, with every rule filled in."""
    made_at = (local - timedelta(days=1)).replace(second=0, microsecond=0)
    now = local.weekday()
    rules = ContactRules(
        made_at,
        safe=(
            *(SafeWindow(Window(day, 510, 930), tie=Tie.SCHOOL) for day in range(5)),
            SafeWindow(Window(now, max(0, local.hour - 1) * 60, min(24, local.hour + 2) * 60)),
        ),
        never=(Window(5, 1320, 420), Window(6, 1320, 420)),
        who_may_answer="A made-up brother reads the phone.",
        what_to_say="Made-up dentist's reception.",
        cover_story="A made-up school survey.",
        code_word=CODE_WORD,
        distress_word="canary-harbour",
        check_in=CheckIn(48, "the made-up centre"),
    )
    return SafeContact(rules, Channel.CHAT, NUMBER, SeenBy.FAMILY, "Made-up teacher")


def raised(alias: str, at: int) -> Screening:
    """Make a serious one: within 72 hours."""
    made = blank(alias, at, Mode.OUTREACH).with_answer("S17", Answer.YES).with_answer("S01", Answer.YES)
    made = made.with_followup("S01t", "le14d")
    return send(made, at, ("amber", "thicket"))


def quiet(alias: str, at: int) -> Screening:
    """Make one in which every answer is *no*: concern, planned."""
    made = blank(alias, at)
    for item in made.instrument.items:
        made = made.with_answer(item.id, Answer.NO)
    return send(made, at, ("pepper", "window"))


def contact_envelope(device: Device, alias: str, at: int, outcome: Outcome) -> bytes:
    """Seal a logged contact."""
    event = ContactEvent(
        secrets.token_bytes(16),
        secrets.token_bytes(16),
        alias,
        at,
        outcome,
        Direction.OUT,
        Channel.CALL,
        SeenBy.FAMILY,
        note="Canary contact note.",
    )
    body = dumps(contact_body(event, contact_alarm([event])))  # type: ignore[arg-type]
    return device.seal(MsgType.CONTACT, event.id, body).envelope


def unreadable_envelope(device: Device) -> bytes:
    """Seal a screening whose body is in no known form: a signed record that nobody can judge."""
    return device.seal(MsgType.SCREENING, secrets.token_bytes(16), dumps({"v": 1, "odd": "made up"})).envelope


def envelopes(device: Device, made: Screening, withheld: int = 0) -> list[bytes]:
    """Seal all parts of a screening."""
    return [sealed.envelope for sealed in seal_record(device, made, flags=withheld)]

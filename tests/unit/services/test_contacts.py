"""Cases, safe-contact rules and logged contacts on a device."""

from datetime import timedelta

import pytest

from fieldapp.domain.contact import (
    AlarmCause,
    Channel,
    CheckIn,
    ContactRules,
    Direction,
    Outcome,
    Permission,
    SafeContact,
    SafeWindow,
    Window,
)
from fieldapp.domain.screening import Agency, FinishChoice, FinishKind, Mode, MustNotSee
from fieldapp.errors import ContactError
from fieldapp.services.case_file import Case, Entry
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from sync.protocol import Withheld
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE

pytestmark = pytest.mark.anyio


def rules(clock: FixedClock, start: int, end: int) -> SafeContact:
    window = SafeWindow(Window(clock.local().weekday(), start, end))
    return SafeContact(
        ContactRules(clock.local().replace(second=0), safe=(window,)), Channel.CALL, "0000 made up"
    )


def minute(clock: FixedClock) -> int:
    return clock.local().hour * 60 + clock.local().minute


@pytest.fixture
def notebook(gate: Gate) -> Notebook:
    assert gate.notebook
    return gate.notebook


async def safe_case(notebook: Notebook, clock: FixedClock) -> Case:
    now = minute(clock)
    return await notebook.contacts.open_case(b"c" * 16, "made up", rules(clock, now - 30, now + 30))


async def test_without_rules_outside_windows_and_after_14_days_the_number_is_hidden(
    notebook: Notebook, clock: FixedClock
) -> None:
    bare = await notebook.contacts.open_case(b"b" * 16, "bare case")
    assert notebook.contacts.state(bare).permission is Permission.NO_RULES
    case = await safe_case(notebook, clock)
    assert notebook.contacts.state(case).may_call
    clock.advance(3600)
    state = notebook.contacts.state(case)
    assert state.permission is Permission.OUTSIDE_WINDOWS
    assert state.next_safe
    clock.advance(int(timedelta(days=14).total_seconds()))
    assert notebook.contacts.state(case).permission is Permission.EXPIRED


async def test_a_contact_at_an_unsafe_moment_asks_for_a_reason_unless_the_person_called(
    notebook: Notebook, clock: FixedClock
) -> None:
    case = await safe_case(notebook, clock)
    clock.advance(3600)
    with pytest.raises(ContactError):
        await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER))
    assert notebook.contacts.history(case.id) == ()
    await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER, reason="asked to be called at once"))
    await notebook.contacts.log(case, Entry(Outcome.REACHED_SAFE, Direction.IN))
    assert len(notebook.contacts.history(case.id)) == 2


async def test_a_distress_word_is_high_and_now_and_is_filed_as_such(
    notebook: Notebook, clock: FixedClock
) -> None:
    case = await safe_case(notebook, clock)
    record, alarm = await notebook.contacts.log(case, Entry(Outcome.DISTRESS_WORD))
    assert alarm
    assert (alarm.cause, record.level, record.band) == (AlarmCause.DISTRESS_WORD, "HIGH", "NOW")
    assert record.urgent


async def test_two_times_someone_else_is_an_alarm_also_after_a_restart_in_between(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await safe_case(notebook, clock)
    _, alarm = await notebook.contacts.log(case, Entry(Outcome.SOMEONE_ELSE_ANSWERED))
    assert alarm is None
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    clock.advance(60)
    kept = again.contacts.case(case.id)
    assert kept == case
    record, alarm = await again.contacts.log(kept, Entry(Outcome.SOMEONE_ELSE_ANSWERED))
    assert alarm
    assert alarm.cause is AlarmCause.SOMEONE_ELSE_TWICE
    assert record.band == "24H"


async def test_a_case_that_a_screening_opened_lives_beside_it(notebook: Notebook, gate: Gate) -> None:
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    record = await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))
    case = await notebook.contacts.open_case(record.record_id, record.alias)
    await notebook.contacts.log(case, Entry(Outcome.REACHED_SAFE, reason="first contact, on the spot"))
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    assert len(again.contacts.history(case.id)) == 2
    assert again.contacts.cases == (case,)


async def test_new_rules_are_kept_here_and_filed_for_the_centre(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await safe_case(notebook, clock)
    changed = await notebook.contacts.set_rules(case, rules(clock, 600, 660))
    assert changed.rules_version == 2
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    assert again.contacts.case(case.id) == changed
    (record,) = again.contacts.history(case.id)
    assert (record.version, record.case_id) == (2, case.id)


async def test_a_missed_check_in_is_an_alarm_until_the_person_was_reached(
    notebook: Notebook, clock: FixedClock
) -> None:
    case = await notebook.contacts.open_case(
        b"c" * 16,
        "made up",
        SafeContact(ContactRules(clock.local().replace(second=0), check_in=CheckIn(4, "duty"))),
    )
    clock.advance(3 * 3600)
    assert notebook.contacts.alarm(case) is None
    clock.advance(2 * 3600)
    alarm = notebook.contacts.alarm(case)
    assert alarm
    assert alarm.cause is AlarmCause.MISSED_CHECK_IN
    record, _ = await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER, reason="check-in is overdue"))
    assert record.band == "24H"
    await notebook.contacts.log(case, Entry(Outcome.REACHED_SAFE, Direction.IN))
    assert notebook.contacts.alarm(case) is None


async def test_a_removed_case_can_be_put_back(notebook: Notebook, gate: Gate, clock: FixedClock) -> None:
    case = await safe_case(notebook, clock)
    removed = await notebook.contacts.close_case(case)
    assert notebook.contacts.cases == ()
    await notebook.contacts.restore(removed)
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    assert again.contacts.cases == (case,)


async def test_who_must_not_see_a_screening_sees_no_contact_and_no_rules_of_its_case_either(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    screening = screening.with_must_not_see(MustNotSee(frozenset({Agency.POLICE})))
    record = await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))
    case = await notebook.contacts.open_case(record.record_id, record.alias)
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    kept = again.contacts.case(case.id)
    assert kept
    await again.contacts.log(kept, Entry(Outcome.REACHED_SAFE, Direction.IN))
    await again.contacts.set_rules(kept, rules(clock, 600, 660))
    assert [r.withheld for r in again.contacts.history(case.id)] == [Withheld.POLICE] * 3

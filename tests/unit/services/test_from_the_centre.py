"""What the centre says to a device, over a real relay: messages, rules, policy, wipes, directories, prekeys."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.codec import case_contact_body
from fieldapp.domain.contact import Channel, ContactRules, Permission, SafeContact, SafeWindow, Window
from fieldapp.domain.unfinished import OpenRules
from fieldapp.services.case_file import Case
from fieldapp.services.gate import Gate
from fieldapp.services.listening import News, listen
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.orders import in_force
from fieldapp.vault.errors import VaultError, VaultLocked
from sync.client import CentreClient
from sync.directory import DeskEntry, sign_directory
from sync.downstream import (
    WIPE_LIFETIME,
    DevicePolicy,
    DirectoryNotice,
    Downstream,
    Message,
    Rekey,
    RulesUpdate,
    WipeOrder,
    rules_hash,
)
from sync.primitives import SigningKey
from sync.protocol import DAY, MsgType
from sync.root import Root, sign_root
from sync.trust import TrustedState, make_blob
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio

CANARY = "made-up words that nobody says"
EVERY_DAY = tuple(SafeWindow(Window(day, 60, 1380)) for day in range(7))


async def say(
    centre: ScriptedCentre,
    desk: CentreClient,
    notebook: Notebook,
    msg_type: MsgType,
    body: Downstream | bytes,
    *,
    by: tuple[bytes, SigningKey] | None = None,
) -> None:
    """Put one message for this device into its shard, and let the device look."""
    assert notebook.book.membership
    to = notebook.book.membership.prekeys.current
    data = body if isinstance(body, bytes) else body.to_bytes()
    await desk.post(3, centre.downstream(msg_type, data, to, desk=by))
    await notebook.delivery.once()


async def again(notebook: Notebook) -> None:
    """Let the device read its whole shard once more, as after a relay was restored."""
    await notebook.book.hear("", News())
    await notebook.delivery.once()


# --- Messages ------------------------------------------------------------------------------------------------


async def test_a_message_is_kept_in_the_vault_until_it_is_read_and_removed(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    await say(centre, desk, notebook, MsgType.MESSAGE, Message(clock.now(), "Intake", CANARY))
    (letter,) = notebook.messages.all
    assert (letter.text, letter.role, letter.desk, letter.read_at) == (CANARY, "Intake", "Desk", 0)
    assert notebook.messages.unread == 1
    await notebook.messages.mark_read(letter)
    await gate.lock()
    assert not any(CANARY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    (letter,) = notebook.messages.all
    assert letter.read_at
    assert notebook.messages.unread == 0
    await again(notebook)
    assert notebook.messages.all == (letter,), "the same words twice are one message, and stay read"
    await notebook.messages.remove(letter)
    await again(notebook)
    assert notebook.messages.all == (), "what was removed does not come back"


async def test_messages_beyond_a_hundred_push_out_the_oldest_that_were_read(
    notebook: Notebook, centre: ScriptedCentre, clock: FixedClock
) -> None:
    member, book = notebook.book.membership, notebook.book
    assert member
    assert book.trust

    def envelope(number: int) -> bytes:
        message = Message(number, "Intake", f"made-up text {number}")
        return centre.downstream(MsgType.MESSAGE, message.to_bytes(), member.prekeys.current)

    await book.hear("", listen([envelope(number) for number in range(1, 101)], member, book.trust))
    for letter in notebook.messages.all:
        if letter.at in (40, 50):
            await notebook.messages.mark_read(letter)
    await book.hear("", listen([envelope(number) for number in (101, 102, 103)], member, book.trust))
    left = {letter.at for letter in notebook.messages.all}
    assert left == set(range(1, 104)) - {40, 50, 1}


async def test_what_a_desk_signed_and_nobody_here_can_read_is_counted_once_and_hinders_nothing(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    odd = b'{"about":"","at":1,"later_field":1,"role":"Intake","text":"x","v":1}'
    await say(centre, desk, notebook, MsgType.MESSAGE, odd)
    await say(centre, desk, notebook, MsgType.CASE_EVENT, b"{}")
    await say(centre, desk, notebook, MsgType.MESSAGE, Message(clock.now(), "Intake", CANARY))
    assert notebook.book.orders.odd == 2
    assert len(notebook.messages.all) == 1
    await again(notebook)
    assert notebook.book.orders.odd == 2


# --- Policy --------------------------------------------------------------------------------------------------


def policy(version: int, **changes: int) -> DevicePolicy:
    base = DevicePolicy(version, keep=1, keep_days=0, opened_by=1, idle_seconds=300, background_seconds=60)
    return replace(base, **changes)


async def test_the_highest_version_of_a_policy_counts_whatever_comes_later(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await say(centre, desk, notebook, MsgType.POLICY, policy(2, keep=2, keep_days=9))
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, keep=0))
    await say(centre, desk, notebook, MsgType.POLICY, policy(2, keep=0))
    assert notebook.book.policy
    assert (notebook.book.policy.keep, notebook.book.policy.keep_days) == (2, 9)
    notebook = await gate.unlock(PASSPHRASE)
    assert notebook.book.policy
    assert notebook.book.policy.keep_days == 9


async def test_a_policy_raises_the_number_of_desks_and_never_lowers_it(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, opened_by=2))
    await screen(notebook)
    assert {meta.needed for _, meta in notebook.book.on_the_way} == {2}
    signed = replace(centre.directory, policy=replace(centre.directory.policy, opened_by=3))
    assert in_force(signed.policy, policy(1, opened_by=2)).opened_by == 3


# --- Rules of a case -----------------------------------------------------------------------------------------


def contact(number: str, *, safe: tuple[SafeWindow, ...] = EVERY_DAY, clock: FixedClock) -> SafeContact:
    made_at = clock.local().replace(second=0, microsecond=0)
    return SafeContact(ContactRules(made_at, safe=safe), Channel.CALL, number)


def update(case: Case, version: int, said: SafeContact, base: SafeContact | None) -> RulesUpdate:
    body = case_contact_body(case.id, said)
    seen = b"" if base is None else rules_hash(case_contact_body(case.id, base))  # type: ignore[arg-type]
    return RulesUpdate(case.id, version, seen, 1_800_000_000, "Intake", body)  # type: ignore[arg-type]


async def begin(notebook: Notebook, number: str, clock: FixedClock) -> Case:
    case = await notebook.contacts.open_case(notebook.book.ids.new_id(), "made-up alias")
    return await notebook.contacts.set_rules(case, contact(number, clock=clock))


async def test_rules_from_the_centre_replace_what_the_worker_has_not_changed_since(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    case = await begin(notebook, "first", clock)
    first, second, third = (contact(n, clock=clock) for n in ("first", "second", "third"))
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 1, second, first))
    held = notebook.contacts.case(case.id)
    assert held
    assert (held.contact, held.in_question) == (second, None)
    # The centre has still seen only the worker's first rules, but the present ones are its own.
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 2, third, first))
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 2, second, first))
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 1, second, first))
    notebook = await gate.unlock(PASSPHRASE)
    held = notebook.contacts.case(case.id)
    assert held
    assert (held.contact, held.in_question) == (third, None)
    assert held.from_centre
    assert held.from_centre.role == "Intake"


async def test_two_changes_of_the_same_rules_both_stay_until_the_worker_chooses(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    case = await begin(notebook, "first", clock)
    mine = contact("mine", clock=clock)
    case = await notebook.contacts.set_rules(case, mine)
    first = contact("first", clock=clock)
    theirs = contact("theirs", safe=(), clock=clock)
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 1, theirs, first))
    notebook = await gate.unlock(PASSPHRASE)
    held = notebook.contacts.case(case.id)
    assert held
    assert (held.contact, held.in_question) == (mine, theirs)
    assert not notebook.contacts.state(held).may_call, "while they differ, both must say that it is safe"
    assert notebook.contacts.state(held).permission is Permission.NO_RULES
    clock.advance(60)
    chosen = await notebook.contacts.set_rules(held, held.in_question)  # type: ignore[arg-type]
    assert (chosen.contact, chosen.in_question) == (theirs, None)
    newest = notebook.contacts.history(case.id)[0]
    assert newest.content
    assert newest.content["number"] == "theirs", "and the centre hears which one holds"


async def test_rules_that_came_while_the_worker_was_typing_are_not_overwritten_unseen(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    case = await begin(notebook, "first", clock)
    first, theirs, mine = (contact(n, clock=clock) for n in ("first", "theirs", "mine"))
    begun = OpenRules(b"b" * 16, case.id, clock.now(), mine)
    clock.advance(60)
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 1, theirs, first))
    held = await notebook.contacts.set_rules(case, mine, begun=begun)
    assert (held.contact, held.in_question) == (mine, theirs)
    clock.advance(60)
    later = OpenRules(b"c" * 16, case.id, clock.now(), mine)
    held = await notebook.contacts.set_rules(held, theirs, begun=later)
    assert (held.contact, held.in_question) == (theirs, None)


async def test_rules_for_a_case_that_is_not_here_or_that_name_another_change_nothing(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    case = await begin(notebook, "first", clock)
    other = replace(case, id=b"o" * 16)
    said = contact("second", clock=clock)
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(other, 1, said, None))
    crossed = replace(update(other, 1, said, None), case_id=case.id)
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, crossed)
    unreadable = replace(update(case, 1, said, None), contact={"v": 1})
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, unreadable)
    held = notebook.contacts.case(case.id)
    assert held
    assert held.contact == contact("first", clock=clock)
    assert held.from_centre is None


async def test_the_cursor_never_moves_before_the_rules_are_on_the_disk(
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = await begin(notebook, "first", clock)
    first, second = contact("first", clock=clock), contact("second", clock=clock)
    save = notebook.contacts._save

    async def refuse(case: Case) -> None:
        raise VaultError("made-up full disk")

    monkeypatch.setattr(notebook.contacts, "_save", refuse)
    await say(centre, desk, notebook, MsgType.SAFE_CONTACT_UPDATE, update(case, 1, second, first))
    monkeypatch.setattr(notebook.contacts, "_save", save)
    held = notebook.contacts.case(case.id)
    assert held
    assert held.contact == first
    await notebook.delivery.once()
    held = notebook.contacts.case(case.id)
    assert held
    assert held.contact == second


# --- Directory and prekeys -----------------------------------------------------------------------------------


async def test_a_word_of_a_new_directory_brings_it_at_once_and_of_an_old_one_changes_nothing(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await notebook.delivery.once()  # has looked at the directory today
    await desk.put_directory(2, centre.with_another_desk(b"n" * 16, SigningKey.generate()))
    before = len([call for call, _ in network.requests if "/dir/" in call])
    await say(centre, desk, notebook, MsgType.DIRECTORY, DirectoryNotice(1, b"h" * 32))
    assert len([call for call, _ in network.requests if "/dir/" in call]) == before
    await say(centre, desk, notebook, MsgType.DIRECTORY, DirectoryNotice(2, centre.trust.dir_hash))
    assert notebook.book.trust
    assert notebook.book.trust.version == 2


async def test_a_new_prekey_is_announced_when_the_centre_asks_and_the_old_one_still_opens(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    assert notebook.book.membership
    old = notebook.book.membership.prekeys.current
    await say(centre, desk, notebook, MsgType.REKEY, Rekey(clock.now()))
    new = notebook.book.membership.prekeys.current
    assert new != old
    await again(notebook)
    assert notebook.book.membership.prekeys.current == new, "asked once is done once"
    said = Message(clock.now(), "Intake", CANARY).to_bytes()
    await desk.post(3, centre.downstream(MsgType.MESSAGE, said, old))
    await notebook.delivery.once()
    assert len(notebook.messages.all) == 1


# --- Wipe ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def second(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> tuple[bytes, SigningKey]:
    """A centre whose root has two command keys, both known to the device as desks."""
    key, desk_id = SigningKey.generate(), b"second desk 0016"
    root_key = SigningKey.generate()
    root = Root.first(
        threshold=1,
        root_keys=[root_key.public],
        dir_threshold=1,
        dir_keys=[centre.dir_key.public],
        command_keys=[centre.desk_key.public, key.public],
        expires=centre.now + 10**8,
    )
    desks = (*centre.directory.desks, DeskEntry(desk_id, "Second", key.public))
    centre.directory = replace(centre.directory, centre_id=root.centre_id, desks=desks)
    centre.root, centre.signed_root = root, sign_root(root, [root_key])
    centre.blob = make_blob([centre.signed_root], sign_directory(centre.directory, root, [centre.dir_key]))
    centre.trust = TrustedState.pin(root.centre_id, centre.blob)
    assert notebook.book.membership
    await notebook.book.save_trust(centre.trust)
    return desk_id, key


def order(notebook: Notebook, expiry: int, order_id: bytes = b"o" * 16) -> WipeOrder:
    assert notebook.book.membership
    return WipeOrder(order_id, notebook.book.membership.device_id, expiry)


async def test_two_command_keys_wipe_everything_here_and_what_is_sealed_still_reaches_the_centre(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    second: tuple[bytes, SigningKey],
    clock: FixedClock,
    network: Switchable,
) -> None:
    await notebook.delivery.once()
    await begin(notebook, "first", clock)
    network.off()
    record = await screen(notebook)
    network.on()
    rung: list[bool] = []
    notebook.book.wiped.subscribe(lambda: rung.append(True))
    given = order(notebook, clock.now() + DAY)
    await say(centre, desk, notebook, MsgType.WIPE, given)
    assert notebook.book.record(record.record_id), "one signature does nothing"
    assert not rung
    await say(centre, desk, notebook, MsgType.WIPE, given, by=second)
    assert rung == [True]
    assert notebook.book.standing is Standing.LOCAL
    arrived = await centre.pull(desk)
    kinds = [one.header.msg_type for one in arrived]
    assert MsgType.SCREENING in kinds
    report = next(one for one in arrived if one.header.msg_type is MsgType.DEVICE_REPORT)
    assert (report.body["kind"], report.body["order_id"]) == ("wiped", given.order_id.hex())
    with pytest.raises(VaultLocked):
        await screen(notebook)
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    book = notebook.book
    assert (book.filed, book.letters, notebook.contacts.cases, book.tokens_left) == ((), {}, (), 0)
    assert book._vault.records() == []
    assert book.on_the_way, "the sealed outbox is kept: nobody can read it here"
    assert notebook.delivery.waiting == 0
    await screen(notebook)  # an empty notebook works again


REFUSED_ORDERS = {
    "the same key twice": lambda o, now: (o, o, False),
    "two orders of different bodies": lambda o, now: (o, replace(o, expiry=o.expiry + 1), True),
    "another device": lambda o, now: (replace(o, device_id=b"x" * 16), replace(o, device_id=b"x" * 16), True),
    "over": lambda o, now: (replace(o, expiry=now - 1), replace(o, expiry=now - 1), True),
    "too long": lambda o, now: (
        replace(o, expiry=now + WIPE_LIFETIME + 1),
        replace(o, expiry=now + WIPE_LIFETIME + 1),
        True,
    ),
}


@pytest.mark.parametrize("name", REFUSED_ORDERS)
async def test_an_order_that_does_not_hold_wipes_nothing(
    name: str,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    second: tuple[bytes, SigningKey],
    clock: FixedClock,
) -> None:
    record = await screen(notebook)
    one, two, other_key = REFUSED_ORDERS[name](order(notebook, clock.now() + DAY), clock.now())
    await say(centre, desk, notebook, MsgType.WIPE, one)
    await say(centre, desk, notebook, MsgType.WIPE, two, by=second if other_key else None)
    assert notebook.book.record(record.record_id)


async def test_a_desk_that_is_no_command_key_counts_for_nothing(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    key = SigningKey.generate()
    await desk.put_directory(2, centre.with_another_desk(b"n" * 16, key))
    clock.advance(DAY)
    given = order(notebook, clock.now() + DAY)
    await say(centre, desk, notebook, MsgType.WIPE, given)
    await say(centre, desk, notebook, MsgType.WIPE, given, by=(b"n" * 16, key))
    assert notebook.book.standing is Standing.ENROLLED


async def test_a_first_signature_waits_over_a_lock_and_dies_with_the_order(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    second: tuple[bytes, SigningKey],
    clock: FixedClock,
) -> None:
    given = order(notebook, clock.now() + DAY)
    await say(centre, desk, notebook, MsgType.WIPE, given)
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    clock.advance(2 * DAY)
    await say(centre, desk, notebook, MsgType.WIPE, given, by=second)
    assert notebook.book.standing is Standing.ENROLLED
    fresh = order(notebook, clock.now() + DAY, b"p" * 16)
    await say(centre, desk, notebook, MsgType.WIPE, fresh, by=second)
    await say(centre, desk, notebook, MsgType.WIPE, fresh)
    assert notebook.book.standing is Standing.LOCAL


async def test_a_disk_that_refuses_leaves_the_order_standing(
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    second: tuple[bytes, SigningKey],
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = await screen(notebook)
    given = order(notebook, clock.now() + DAY)
    await say(centre, desk, notebook, MsgType.WIPE, given)

    def refuse(order: WipeOrder) -> None:
        raise VaultError("made-up fault")

    monkeypatch.setattr(notebook.book, "_wipe", refuse)
    await say(centre, desk, notebook, MsgType.WIPE, given, by=second)
    assert notebook.book.record(record.record_id)
    monkeypatch.undo()
    await notebook.delivery.once()
    assert notebook.book.standing is Standing.LOCAL

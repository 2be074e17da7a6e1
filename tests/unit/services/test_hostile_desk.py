"""A desk that wants to hurt a device, or whose clock is wrong: it can neither fill, deafen nor age the device."""

import httpx
import pytest

from fieldapp.services.listening import News, listen
from fieldapp.services.membership import MOST_QUARTERS
from fieldapp.services.notebook import Notebook
from fieldapp.services.orders import MAX_PENDING, Orders
from sync import receipts
from sync.client import CentreClient
from sync.downstream import Message, Rekey, WipeOrder
from sync.enrolment import ReadToken
from sync.keys import prekey_time, week_of
from sync.protocol import DAY, QUARTER, WEEK, MsgType
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import Switchable, screen
from tests.unit.services.test_from_the_centre import say

pytestmark = pytest.mark.anyio

K1, K2, K3 = b"1" * 32, b"2" * 32, b"3" * 32
DEVICE = b"d" * 16


async def test_a_desk_in_another_century_ages_no_device(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Else everything would be sealed to the last resort, plaintext kept and no wipe obeyed, for ever."""
    book = notebook.book
    await say(centre, desk, notebook, MsgType.MESSAGE, Message(2**40, "Intake", "made-up words"))
    assert len(notebook.messages.all) == 1
    assert book.centre_now == clock.now() + 27 * WEEK
    await say(centre, desk, notebook, MsgType.REKEY, Rekey(2**40))
    assert book.centre_now == clock.now() + 27 * WEEK, "saying it again moves nothing"
    assert book.membership
    assert book.trust
    record = await screen(notebook)
    (entry, *_) = [e for e, _ in book.on_the_way if e.record_id == record.record_id]
    header = centre.reader.open_header(entry.envelope).header
    at = prekey_time(clock.now(), book.trust.directory.issued, book.membership.centre_time)
    assert header.week == week_of(at) == week_of(clock.now()) + 27
    assert centre.reader.open_header(entry.envelope).k_b, "the centre always has the last resort"
    clock.advance(28 * WEEK)
    assert book.centre_now == clock.now(), "and it ends"


async def test_tokens_without_end_leave_the_device_able_to_hear(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    book = notebook.book
    quarter = clock.now() // QUARTER
    for number in range(14):
        drop = tuple(bytes((number, n)) * 16 for n in range(200))
        read = tuple(ReadToken(10**6 + 4 * number + n, bytes((number, n)) * 16) for n in range(4))
        news = News(
            drop_tokens=list(drop),
            read_tokens={t.quarter: t.token for t in read},
            refills=[bytes((number,)) * 32],
        )
        await book.hear("", news)
    assert 800 <= book.tokens_left <= 1100
    assert book._tokens[-1] == drop[-1], "the newest are kept: the relay knows them"
    assert book.membership
    assert len(book.membership.read_tokens) <= MOST_QUARTERS
    assert book.membership.read_tokens[quarter] == centre.read_token
    await say(centre, desk, notebook, MsgType.MESSAGE, Message(clock.now(), "Intake", "made-up words"))
    assert len(notebook.messages.all) == 1


async def test_prekeys_asked_for_without_end_leave_the_device_able_to_seal_and_to_be_reached(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    book = notebook.book
    for number in range(300):
        await book.hear("", News(rekeys=[number.to_bytes(32, "little")]))
    assert book.membership
    assert len(book.membership.prekeys.held) <= 128
    record = await screen(notebook)
    assert notebook.book.stage(record).name == "SEALED"
    await say(centre, desk, notebook, MsgType.MESSAGE, Message(clock.now(), "Intake", "made-up words"))
    assert len(notebook.messages.all) == 1


def order(number: int, expiry: int = 1000) -> WipeOrder:
    return WipeOrder(number.to_bytes(16, "little"), DEVICE, expiry)


@pytest.mark.parametrize("signed_first", [True, False])
def test_orders_without_end_of_one_command_key_push_out_no_order_of_others(signed_first: bool) -> None:
    state = Orders()

    def hear(*signed: tuple[WipeOrder, bytes]) -> None:
        nonlocal state
        state = state.with_wipes(signed, device_id=DEVICE, command_keys=(K1, K2, K3), now=0)

    true = order(999)
    hear((true, K1))
    if signed_first:
        hear((true, K2), *((order(n), K3) for n in range(3 * MAX_PENDING)))
    else:
        hear(*((order(n), K3) for n in range(3 * MAX_PENDING)))
        hear(*((order(n), K3) for n in range(100, 100 + MAX_PENDING)), (true, K2))
    assert len(state.pending) <= MAX_PENDING
    assert state.wipe_due((K1, K2, K3), 0) == true
    assert Orders.from_bytes(state.to_bytes()) == state


async def test_a_long_backlog_never_holds_up_what_the_worker_sends_meanwhile(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    """A shard holds everybody's messages, and a relay can make up more without end."""
    served = 0

    def endless(request: httpx.Request) -> httpx.Response:
        nonlocal served
        served += 1
        assert served < 50, "the loop never came back to send"
        if served in (3, 6):
            notebook.delivery.wake()  # as when a record was filed
        page = b"FSP1\1\0\0\0" + served.to_bytes(16, "little")
        return httpx.Response(200, content=page, headers={"Content-Type": "application/octet-stream"})

    inner = network.inner

    class Endless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return (
                endless(request)
                if "/shard/" in request.url.path
                else await inner.handle_async_request(request)
            )

    network.inner = Endless()
    await notebook.delivery.once()
    assert served == 3
    await screen(notebook)
    await notebook.delivery.once()
    assert {meta.state for _, meta in notebook.book.on_the_way} == {"stored"}


async def test_one_false_statement_of_a_batch_changes_nothing_of_the_others(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Proofs are compared one by one, each with its own envelope."""
    first, second = await screen(notebook), await screen(notebook)
    await notebook.delivery.once()
    arrived = {a.header.record_id: a for a in await centre.pull(desk)}
    one, two = arrived[first.record_id], arrived[second.record_id]
    assert one.opened.k_b
    assert two.opened.k_b
    proof = receipts.opened_proof(two.opened.k_b, two.opened.hash)
    items = [
        receipts.ReceiptItem(ReceiptKind.OPENED, one.opened.hash, proof, clock.now()),  # from another record
        receipts.ReceiptItem(ReceiptKind.OPENED, b"?" * 32, proof, clock.now()),
        receipts.ReceiptItem(
            ReceiptKind.OPENED,
            two.opened.hash,
            receipts.received_proof(two.opened.k_h, two.opened.hash),  # of another kind
            clock.now(),
        ),
        receipts.ReceiptItem(ReceiptKind.OPENED, two.opened.hash, proof, clock.now()),
    ]
    for some in (items[:3], items):
        await say(centre, desk, notebook, MsgType.RECEIPT, receipts.encode(some))
        opened = some is items
        assert any(p.opened for p in notebook.book.record(first.record_id).parts) is False  # type: ignore[union-attr]
        assert any(p.opened for p in notebook.book.record(second.record_id).parts) is opened  # type: ignore[union-attr]


async def test_a_receipt_for_what_was_sealed_anew_erases_only_what_was_opened(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    old = await centre.pull(desk)
    clock.at += 61 * DAY
    centre.now = clock.now()
    assert await notebook.book.seal_waiting() == 1
    member, trust = notebook.book.membership, notebook.book.trust
    assert member
    assert trust
    centre.newest_prekey[member.device_id] = member.prekeys.current
    await notebook.book.hear("", listen([centre.receipt(old, ReceiptKind.OPENED)], member, trust))
    kept = notebook.book.record(record.record_id)
    assert kept
    assert kept.content is not None
    assert not kept.opened_at
    assert {meta.env_hash for _, meta in notebook.book.on_the_way} == {p.env_hash for p in kept.parts}

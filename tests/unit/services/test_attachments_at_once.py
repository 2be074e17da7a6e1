"""Files while something else happens: two taps at once, a cancelled one, filing, damage, cancelling with few tokens."""

import asyncio
import threading

import httpx
import pytest

from fieldapp.domain.contact import Outcome
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind
from fieldapp.domain.unfinished import OpenContact
from fieldapp.services.case_file import Entry
from fieldapp.services.chunking import piece_id
from fieldapp.services.filed import WITHDRAWAL, Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.media import FileRefused
from fieldapp.services.notebook import Notebook
from fieldapp.services.sealing import TOKENS_FOR_RECORDS
from fieldapp.vault.vault import Transaction
from sync.outbox import OutboxState
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import Switchable, screen
from tests.unit.services.test_attachments import again, begun, document, pieces

pytestmark = pytest.mark.anyio

SEND = FinishChoice(FinishKind.SEND)


def held(notebook: Notebook, filed: Filed) -> Filed:
    found = notebook.book.record(filed.record_id)
    assert found
    return found


async def test_two_taps_at_once_both_count(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    files = [await notebook.attachments.add(made.id, document(1)) for _ in range(3)]
    first, second, third = files
    await asyncio.gather(
        notebook.attachments.remove(made.id, first.id),
        notebook.attachments.rename(made.id, third.id, "the letter"),
        notebook.attachments.remove(made.id, second.id),
        notebook.attachments.add(made.id, document(2)),
    )
    left = notebook.attachments.of(made.id)
    assert [(file.label, len(file.pieces)) for file in left] == [("the letter", 1), ("", 2)]
    assert pieces(gate) == 3
    assert (await again(gate)).attachments.of(made.id) == left


async def test_one_that_is_refused_does_not_take_another_with_it(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    slow = threading.Event()
    notebook.book._worker._pool.submit(slow.wait)  # both are asked for before the disk gets to the first
    kept, refused, *_ = await asyncio.gather(
        notebook.attachments.add(made.id, document(16)),
        notebook.attachments.add(made.id, document(16)),
        asyncio.to_thread(slow.set),
        return_exceptions=True,
    )
    assert isinstance(refused, FileRefused)
    assert notebook.attachments.of(made.id) == (kept,)


async def test_what_was_written_is_there_although_nobody_waited_for_it(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    adding = asyncio.ensure_future(notebook.attachments.add(made.id, document(1)))
    await asyncio.sleep(0)  # it is with the storage thread
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    await notebook.attachments.add(made.id, document(1))
    assert len(notebook.attachments.of(made.id)) == pieces(gate) == 2


async def test_a_file_that_comes_or_goes_at_the_moment_of_filing_is_filed_or_gone(
    notebook: Notebook, gate: Gate
) -> None:
    made = await begun(notebook)
    gone = await notebook.attachments.add(made.id, document(1))
    stays = await notebook.attachments.add(made.id, document(1))
    added, _, filed = await asyncio.gather(
        notebook.attachments.add(made.id, document(2)),
        notebook.attachments.remove(made.id, gone.id),
        notebook.screenings.finish(made, SEND),
    )
    assert filed.attachments == (stays, added)
    assert pieces(gate) == 3

    case = await notebook.contacts.open_case(b"c" * 16, "heron basalt")
    log = OpenContact(b"l" * 16, case.id, notebook.book.clock.now(), outcome=Outcome.OTHER)
    await notebook.unfinished.save(log)
    more, (contact, _) = await asyncio.gather(
        notebook.attachments.add(log.id, document(1)),
        notebook.contacts.log(case, Entry(Outcome.OTHER, reason="made up"), begun=log),
    )
    assert contact.attachments == (more,)


async def test_a_file_that_is_taken_out_while_its_record_is_released_is_not_promised(
    notebook: Notebook,
) -> None:
    made = await begun(notebook)
    file = await notebook.attachments.add(made.id, document(1))
    today = notebook.book.clock.local().date()
    kept = await notebook.screenings.finish(made, FinishChoice(FinishKind.KEEP_UNTIL, today))
    await asyncio.gather(
        notebook.book.withdraw(kept.record_id, file.id),
        notebook.screenings.release(kept.record_id, SEND),
        return_exceptions=True,
    )
    released = await notebook.screenings.release(kept.record_id, SEND)
    assert released.attachments == ()


async def test_a_case_that_is_put_back_has_the_files_of_everything_that_was_open_about_it(
    gate: Gate,
) -> None:
    notebook = gate.notebook
    assert notebook
    case = await notebook.contacts.open_case(b"c" * 16, "heron basalt")
    files = {}
    for n in (1, 2):
        log = OpenContact(bytes((n,)) * 16, case.id, notebook.book.clock.now(), outcome=Outcome.OTHER)
        await notebook.unfinished.save(log)
        files[log.id] = await notebook.attachments.add(log.id, document(n))
    removed = await notebook.contacts.close_case(case)
    assert pieces(gate) == 0
    await notebook.contacts.restore(removed)
    assert {owner: notebook.attachments.of(owner) for owner in files} == {o: (f,) for o, f in files.items()}
    assert pieces(gate) == 3


async def damage(notebook: Notebook, filed: Filed, count: int) -> None:
    """Lose the first pieces of the first file, as a damaged cell does."""

    def lose(tx: Transaction) -> None:
        for index in range(count):
            tx.erase(piece_id(filed.attachments[0].id, index))

    await notebook.book.commit(lose)


async def test_damaged_pieces_hold_up_no_others_and_cancelling_ends_the_wait(notebook: Notebook) -> None:
    made = await begun(notebook)
    for size in (6, 2):
        await notebook.attachments.add(made.id, document(size))
    filed = await notebook.screenings.finish(made, SEND)
    bad, good = filed.attachments
    assert not notebook.book.is_damaged(filed, bad.id)
    await damage(notebook, filed, 5)
    await notebook.delivery.send_now()
    for _ in range(3):
        await notebook.delivery.once()
    assert notebook.book.progress(filed, good.id).sent == 2
    assert notebook.book.progress(filed, bad.id).sent == 1
    assert notebook.book.is_damaged(filed, bad.id)
    assert not notebook.book.is_damaged(filed, good.id)
    await notebook.book.withdraw(filed.record_id, bad.id)
    assert not notebook.book.is_damaged(filed, bad.id)
    await notebook.delivery.once()
    assert held(notebook, filed).unsealed_pieces == ()


async def test_what_is_done_with_is_erased_also_when_its_first_piece_is_damaged(
    notebook: Notebook, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(3))
    monkeypatch.setattr(type(notebook.book), "_write_only", lambda _book, _now: True)
    filed = await notebook.screenings.finish(made, SEND)
    sealing, notebook.book.sweep = notebook.book.sweep, _nothing  # type: ignore[method-assign]
    await notebook.book.seal_chunks()
    notebook.book.sweep = sealing  # type: ignore[method-assign]
    await damage(notebook, filed, 1)
    assert pieces(gate) == 2
    await notebook.book.sweep()
    assert pieces(gate) == 0


async def _nothing() -> None:
    return None


async def test_cancelling_takes_none_of_the_tokens_that_are_for_records(
    notebook: Notebook, network: Switchable
) -> None:
    made = await begun(notebook)
    file = await notebook.attachments.add(made.id, document(2))
    filed = await notebook.screenings.finish(made, SEND)
    await notebook.delivery.send_now()
    network.off()
    notebook.book._tokens, spare = (
        notebook.book._tokens[:TOKENS_FOR_RECORDS],
        notebook.book._tokens[TOKENS_FOR_RECORDS:],
    )
    withdrawn = await notebook.book.withdraw(filed.record_id, file.id)
    assert withdrawn
    assert notebook.book.tokens_left == TOKENS_FOR_RECORDS
    assert withdrawn.unsealed_pieces == ((file, WITHDRAWAL),)
    notebook.book._tokens += spare  # the centre has sent more
    network.on()
    await notebook.delivery.once()
    await notebook.delivery.once()
    assert [part.index for part in held(notebook, filed).chunk_parts] == [WITHDRAWAL]


async def test_a_record_that_is_filed_while_pieces_are_sent_goes_before_the_next_piece(
    notebook: Notebook, network: Switchable
) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(4))
    await notebook.screenings.finish(made, SEND)
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    await notebook.book.seal_chunks()
    before = _dropped(network)
    urgent: list[asyncio.Future[Filed]] = []

    def first_piece_is_there(_request: httpx.Request) -> None:
        if _dropped(network) == before + 1 and not urgent:
            urgent.append(asyncio.ensure_future(screen(notebook)))

    network.after = first_piece_is_there

    inner = network.inner

    class Slow(httpx.AsyncBaseTransport):
        """A network on which a piece takes as long as it takes to file a record."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if urgent:
                await urgent[0]
            return await inner.handle_async_request(request)

    network.inner = Slow()
    await notebook.delivery.once()
    assert _dropped(network) <= before + 2  # at most the piece that was under way
    await notebook.delivery.once()
    filed = await urgent[0]
    assert filed.urgent
    assert notebook.book.stage(filed) is Stage.STORED


def _dropped(network: Switchable) -> int:
    return sum(1 for name, _ in network.requests if "/v1/drop/" in name)


async def test_what_is_erased_in_need_is_sealed_with_its_files_first(
    notebook: Notebook, network: Switchable, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.off()
    made = (await begun(notebook)).with_answer("S02", Answer.YES)
    await notebook.attachments.add(made.id, document(6))
    filed = await notebook.screenings.finish(made, SEND)
    seen: list[Filed] = []
    monkeypatch.setattr(
        "fieldapp.services.keeping.erase", lambda _vault, _now, **_: seen.append(held(notebook, filed))
    )
    await notebook.book.erase()
    assert len(seen[0].chunk_parts) == 6


async def test_sealed_anew_after_sixty_days_its_pieces_are_the_same(
    notebook: Notebook, clock: FixedClock, network: Switchable
) -> None:
    network.off()
    made = await begun(notebook)
    file = await notebook.attachments.add(made.id, document(2))
    filed = await notebook.screenings.finish(made, SEND)
    await notebook.book.seal_chunks(everything=True)
    before = held(notebook, filed)
    clock.advance(61 * 86_400)
    await notebook.book.seal_waiting()
    after = held(notebook, filed)
    assert after.version == before.version + 1
    assert after.chunk_parts == before.chunk_parts
    assert after.attachments == (file,)
    states = [meta.state for _, meta in notebook.book.on_the_way]
    assert states == [OutboxState.SEALED] * len(states)

"""Files from a real device to a real desk: behind every record, piece by piece, and complete only when all are opened."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fieldapp.codec import attachments_field, screening_body
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.desk import judging
from fieldapp.services.desk.inbox import NotOpenedYet
from fieldapp.services.desk.inbox_rows import RowKind, RowState
from fieldapp.services.desk.pieces import FileNotWhole
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.media import Prepared, prepare
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.canonical import dumps
from sync.chunk import chunk_body
from sync.client import RelayClient
from sync.protocol import MsgType
from tests.fakes import media
from tests.fakes.canary import leaks
from tests.unit.centre.desk import DeskClock, Switch, World, in_world, screening

PASSPHRASE = "obviously made up passphrase for a phone nobody has"


@dataclass
class Phone:
    gate: Gate
    network: Switch
    world: World

    @property
    def notebook(self) -> Notebook:
        assert self.gate.notebook
        return self.gate.notebook

    @classmethod
    async def enrolled(cls, world: World, folder: Path) -> "Phone":
        network = Switch(world.relay.app)
        gate = Gate(
            folder, NoKeystore(), DeskClock(world.clock), SystemIds(),
            lambda url: RelayClient(url, transport=network), calibrated=lambda: FLOOR,
        )  # fmt: skip
        notebook = await gate.create(PASSPHRASE, Settings())
        await notebook.delivery.stop()
        enrolment = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
        await notebook.enrolling.begin(enrolment.qr_text)
        assert await world.centre.devices.poll(enrolment)
        await world.centre.devices.confirm(enrolment)
        assert await notebook.enrolling.finish()
        return cls(gate, network, world)

    async def finish(self, *files: Prepared, urgent: bool = True) -> Filed:
        made = await self.notebook.screenings.begin(Mode.OFFICER, language="en")
        made = made.with_answer("G1", Answer.YES)
        if urgent:
            made = made.with_answer("S02", Answer.YES)
        await self.notebook.screenings.save(made)
        for file in files:
            await self.notebook.attachments.add(made.id, file, "made-up label")
        return await self.notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))

    async def sync(self, times: int = 1) -> None:
        """Go to the relay, let the desk read it, and hear what it said."""
        for _ in range(times):
            await self.notebook.delivery.once()
            await self.world.centre.receiving.once()
            assert not self.world.centre.receiving.problem
        await self.notebook.delivery.once()

    async def restart(self) -> None:
        await self.gate.lock()
        await self.gate.unlock(PASSPHRASE)
        await self.notebook.delivery.stop()

    def record(self, filed: Filed) -> Filed:
        found = self.notebook.book.record(filed.record_id)
        assert found
        return found

    def dropped(self) -> int:
        return sum(1 for request in self.network.requests if "/v1/drop/" in request)


def document(pieces: int) -> Prepared:
    return prepare(media.pdf(pieces * 63_488 - 500))


def test_a_record_is_not_opened_until_every_piece_of_its_files_is(tmp_path: Path) -> None:
    """The form arrives, the files do not: the centre works with it, and nobody calls it complete (story 6)."""

    async def body(world: World) -> None:
        phone = await Phone.enrolled(world, tmp_path / "phone")
        book, inbox = phone.notebook.book, world.centre.inbox
        photo, paper = prepare(media.picture()), document(6)
        filed = await phone.finish(photo, paper)
        await phone.notebook.delivery.once()
        await world.centre.receiving.once()
        (row,) = inbox.rows().rows
        assert (row.files, row.files_whole) == (2, 0)  # the record is there before any piece
        with pytest.raises(NotOpenedYet):
            inbox.content(row.key, filed.attachments[0].id)
        opened = await inbox.open(row.key)
        assert [state.arrived for state in opened.files] == [0, 0]
        with pytest.raises(FileNotWhole):
            inbox.content(row.key, filed.attachments[1].id)

        await phone.sync()  # the record is opened; four of seven pieces are sealed, none is opened
        assert book.stage(phone.record(filed)) is Stage.RECEIVED
        assert phone.record(filed).content is not None
        (row,) = inbox.rows().rows
        assert row.state is RowState.NEW  # the photo is whole now, and nobody has seen it
        await inbox.open(row.key)
        assert inbox.content(row.key, filed.attachments[0].id) == photo.data

        await phone.sync(3)
        assert book.progress(filed).sent == 7
        assert 0 < book.progress(filed).opened < 7
        assert book.stage(phone.record(filed)) is Stage.RECEIVED
        assert phone.record(filed).opened_at == 0
        (row,) = inbox.rows().rows
        assert (row.state, row.files_whole) == (RowState.NEW, 2)
        opened = await inbox.open(row.key)
        assert all(state.whole for state in opened.files)
        assert inbox.content(row.key, filed.attachments[1].id) == paper.data
        await phone.sync()
        done = phone.record(filed)
        assert book.stage(done) is Stage.OPENED
        assert done.content is None
        assert not book.stored(Kind.PIECE)
        assert not book.on_the_way
        assert leaks([media.PLACE, media.SERIAL], [tmp_path]) == []
        await phone.gate.shut()

    in_world(tmp_path, body)


def test_records_go_before_waiting_pieces_and_a_kill_between_pieces_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        phone = await Phone.enrolled(world, tmp_path / "phone")
        first = await phone.finish(document(9))
        await phone.notebook.delivery.once()
        await phone.notebook.book.seal_chunks()  # four pieces wait with lower numbers
        second = await phone.finish(urgent=False)
        world.clock.now += 1900  # its random delay is over
        # The relay fails in the middle: after the second record and two pieces.
        before = phone.dropped()
        seen = 0

        def cut(request: httpx.Request) -> httpx.Response | None:
            nonlocal seen
            seen += "/v1/drop/" in request.url.path
            return httpx.Response(507, json={"error": "full"}) if seen > 3 else None

        phone.network.answer = cut
        await phone.notebook.delivery.once()
        assert phone.dropped() - before >= 3
        await world.centre.receiving.once()
        assert {r.record_id for r in world.centre.inbox.rows().rows} == {first.record_id, second.record_id}
        assert 0 < phone.notebook.book.progress(first).sent < 9
        sealed = {part.env_hash for part in phone.record(first).chunk_parts}
        await phone.restart()
        phone.network.on()
        world.clock.now += 3600
        await phone.sync(5)
        parts = phone.record(first).chunk_parts
        assert sealed <= {part.env_hash for part in parts}  # nothing was sealed twice
        assert len(parts) == 9
        row = next(r for r in world.centre.inbox.rows().rows if r.record_id == first.record_id)
        assert row.files_whole == 1
        await phone.gate.shut()

    in_world(tmp_path, body)


def test_what_is_cancelled_does_not_come_and_the_centre_is_told(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        phone = await Phone.enrolled(world, tmp_path / "phone")
        book = phone.notebook.book
        filed = await phone.finish(document(9))
        await phone.notebook.delivery.once()
        await book.seal_chunks()
        file = filed.attachments[0]
        assert book.may_withdraw(filed, file.id)
        await book.withdraw(filed.record_id, file.id)
        assert not book.may_withdraw(filed, file.id)
        assert not book.stored(Kind.PIECE)  # nothing is left here that could still be sealed
        await phone.sync(2)
        progress = book.progress(filed)
        assert (progress.sent, progress.total, progress.withdrawn) == (4, 4, True)
        (row,) = world.centre.inbox.rows().rows
        opened = await world.centre.inbox.open(row.key)
        assert [(s.arrived, s.withdrawn, s.whole) for s in opened.files] == [(4, True, False)]
        with pytest.raises(FileNotWhole):
            world.centre.inbox.content(row.key, file.id)
        await phone.sync()
        assert book.stage(phone.record(filed)) is Stage.OPENED
        await phone.gate.shut()

    in_world(tmp_path, body)


def test_a_piece_that_the_list_does_not_name_is_set_apart_whichever_came_first(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        for first in ("piece", "record"):
            made = screening()
            good = document(2)
            file = good.listed(b"f" * 16, "")
            record = dumps({**screening_body(made), **attachments_field([file])})  # type: ignore[dict-item]
            main = device.seal(MsgType.SCREENING, made.id, record)
            right = chunk_body(file.id, 0, file.size, file.hash, good.data[:63_488])
            wrong = chunk_body(file.id, 1, file.size, file.hash, bytes(len(good.data) - 63_488))
            sent = [device.seal(MsgType.CHUNK, made.id, piece).envelope for piece in (right, wrong)]
            odd = device.seal(MsgType.CHUNK, made.id, b"no piece of anything").envelope
            for group in (
                ([*sent, odd], [main.envelope]) if first == "piece" else ([main.envelope], [*sent, odd])
            ):
                await device.drop(*group)
                await world.centre.receiving.once()
            rows = world.centre.inbox.rows().rows
            row = next(r for r in rows if r.record_id == made.id and r.kind is RowKind.SCREENING)
            opened = await world.centre.inbox.open(row.key)
            assert [state.arrived for state in opened.files] == [1]
            reasons = sorted(
                r.reason for r in rows if r.record_id == made.id and r.kind is RowKind.UNREADABLE
            )
            assert reasons == ["chunk", "schema"]
            with pytest.raises(FileNotWhole):
                world.centre.inbox.content(row.key, file.id)

    in_world(tmp_path, body)


def test_a_piece_of_another_device_or_record_never_counts(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device, stranger = await world.device(), await world.device("Another made-up phone")
        made, good = screening(), document(1)
        file = good.listed(b"g" * 16, "")
        record = dumps({**screening_body(made), **attachments_field([file])})  # type: ignore[dict-item]
        await device.drop(device.seal(MsgType.SCREENING, made.id, record).envelope)
        piece = chunk_body(file.id, 0, file.size, file.hash, good.data)
        await stranger.drop(stranger.seal(MsgType.CHUNK, made.id, piece).envelope)
        await device.drop(device.seal(MsgType.CHUNK, b"r" * 16, piece).envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert row.files_whole == 0
        await device.drop(device.seal(MsgType.CHUNK, made.id, piece).envelope)
        await device.drop(
            device.seal(MsgType.CHUNK, made.id, piece).envelope
        )  # sealed anew: the same piece twice
        await world.centre.receiving.once()
        await world.restart()
        (row,) = world.centre.inbox.rows().rows
        assert row.files_whole == 1
        await world.centre.inbox.open(row.key)
        assert world.centre.inbox.content(row.key, file.id) == good.data

    in_world(tmp_path, body)


def test_a_desk_without_room_keeps_records_and_takes_the_pieces_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        phone = await Phone.enrolled(world, tmp_path / "phone")
        filed = await phone.finish(document(2))
        monkeypatch.setattr(judging, "CELLS_FOR_RECORDS", 100_000)
        await phone.sync(3)
        await phone.finish()
        await phone.sync()
        rows = world.centre.inbox.rows().rows
        assert len(rows) == 2
        assert world.centre.quarantine.counted["no_room"] >= 2
        assert phone.notebook.book.progress(filed).sent == 2
        monkeypatch.undo()
        for row in rows:
            await world.centre.inbox.open(row.key)
        assert phone.notebook.book.stage(phone.record(filed)) is not Stage.OPENED
        world.clock.now += 31 * 86_400  # nobody acknowledged them: offered again, the same bytes
        await phone.sync(3)
        row = next(r for r in world.centre.inbox.rows().rows if r.record_id == filed.record_id)
        assert row.files_whole == 1
        await phone.gate.shut()

    in_world(tmp_path, body)


def test_pieces_of_a_withdrawn_device_take_no_room_of_records_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        device, good = await world.device(), document(1)
        file = good.listed(b"h" * 16, "")
        piece = chunk_body(file.id, 0, file.size, file.hash, good.data)
        await world.centre.devices.revoke(device.device_id)
        await device.drop(device.seal(MsgType.CHUNK, b"r" * 16, piece).envelope)
        await world.centre.receiving.once()
        assert [row.reason for row in world.centre.quarantine.rows()] == ["revoked"]
        monkeypatch.setattr(judging, "CELLS_FOR_RECORDS", 100_000)
        await device.drop(*(device.seal(MsgType.CHUNK, b"r" * 16, piece).envelope for _ in range(3)))
        await world.centre.receiving.once()
        assert len(world.centre.quarantine.rows()) == 1
        assert world.centre.quarantine.counted["no_room"] == 3

    in_world(tmp_path, body)


def test_a_damaged_outbox_costs_no_piece(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        phone = await Phone.enrolled(world, tmp_path / "phone")
        await phone.finish(document(3))
        await phone.notebook.delivery.once()
        await phone.notebook.book.seal_chunks()
        book = phone.notebook.book
        lost = next(entry for entry, meta in book.on_the_way if book.is_chunk(meta.env_hash))
        book._entries = {key: pair for key, pair in book._entries.items() if key != lost.entry_id}
        await phone.sync(3)
        row = next(iter(world.centre.inbox.rows().rows))
        assert row.files_whole == 1
        await phone.gate.shut()

    in_world(tmp_path, body)

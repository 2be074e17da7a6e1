"""Sent from here: how far each record has come, why one waits, and what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.errors import CodecError, FieldappError
from fieldapp.services.filed import Filed, Part, Stage
from fieldapp.services.filing import Book, Damaged
from fieldapp.services.membership import Standing
from fieldapp.services.sealing import NoDropToken, SealedCopyLost
from fieldapp.ui.state import Screen
from fieldapp.ui.words import refusal_advice, refusal_words
from fieldapp.vault.errors import OutboxFull, OutboxUnavailable, RecordTooLarge, VaultFull
from sync.answers import Refusal
from sync.errors import DirectoryRejected, SyncError
from sync.protocol import MsgType
from tests.session.field_harness import TUESDAY_AFTERNOON, Field, open_field

pytestmark = pytest.mark.anyio

SEND = FinishChoice(FinishKind.SEND)


async def finished(app: Field, choice: FinishChoice = SEND) -> Filed:
    draft = await app.state.open.screenings.begin(Mode.OUTREACH, language="en")
    return await app.state.open.screenings.finish(draft, choice)


async def listed(app: Field) -> list[str]:
    app.state.home()
    app.state.go(Screen.OUTBOX)
    await app.screen.settle()
    return app.screen.texts()


async def detail(app: Field, record: Filed) -> list[str]:
    app.state.home()
    app.state.go(Screen.RECORD, record.record_id)
    await app.screen.settle()
    return app.screen.texts()


@asynccontextmanager
async def at_stage(path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> AsyncIterator[Field]:
    """An enrolled device, as the screens see it, whose records have come as far as `stage`."""
    monkeypatch.setattr(Book, "standing", Standing.ENROLLED)
    monkeypatch.setattr(Book, "stage", lambda _book, _record: stage)
    async with open_field(path) as app:
        yield app


async def test_an_empty_list_says_what_will_stand_there(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("outbox")
        assert "Nothing finished yet" in app.screen.texts()


async def test_a_record_shows_alias_level_and_that_it_waits_for_enrolment(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record = await finished(app)
        shown = await listed(app)
        assert record.alias in shown
        assert "Serious" in shown
        assert "Screening. Waits until this device is enrolled." in shown
        await app.press("enrol")
        assert app.state.place.screen is Screen.ENROL


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage.LOCAL, "Waits on this device"),
        (Stage.SEALED, "Waits to be sent"),
        (Stage.STORED, "At the relay, not yet at the centre"),
        (Stage.RECEIVED, "At the centre, not opened yet"),
        (Stage.OPENED, "Opened at the centre"),
    ],
)
async def test_every_stage_has_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage, words: str
) -> None:
    async with at_stage(tmp_path, monkeypatch, stage) as app:
        await finished(app)
        assert f"Screening. {words}." in await listed(app)


async def test_opened_and_acted_on_come_back_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_stage(tmp_path, monkeypatch, Stage.OPENED) as app:
        record = await finished(app)
        at = int(TUESDAY_AFTERNOON.replace(hour=14, minute=31).timestamp())
        parts = (
            Part(MsgType.SCREENING, bytes(32), bytes(32), opened=True),
            Part(MsgType.IDENTITY, bytes(32), bytes(32)),
        )
        opened = replace(record, opened_at=at, acted_at=at, parts=parts)
        app.state.open.book._filed = {record.record_id: opened}
        assert "Screening. Opened 14:31, acted on." in await listed(app)
        shown = await detail(app, record)
        assert {"The answers", "opened", "Who it is about", "not opened yet"} <= set(shown)


async def test_a_refused_record_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Book, "last_reason", lambda _book, _record: Refusal.CAPTIVE_PORTAL.value)
    async with at_stage(tmp_path, monkeypatch, Stage.SEALED) as app:
        shown = await detail(app, await finished(app))
        assert "This network asks you to log in first." in shown
        assert (
            "Log in to the network in your browser, or use another network. It is then sent "
            "automatically." in shown
        )


async def test_a_blocked_record_says_so_and_the_others_stay_reachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_stage(tmp_path, monkeypatch, Stage.LOCAL) as app:
        stuck, other = await finished(app), await finished(app)
        app.state.open.book.blocked = {stuck.record_id: SyncError()}
        assert "This record cannot be sealed now." in await detail(app, stuck)
        assert "This record cannot be sealed now." not in await detail(app, other)
        assert {stuck.alias, other.alias} <= set(await listed(app))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoDropToken(), "This device has used up what it may send."),
        (OutboxFull(), "There is no room left to seal this."),
        (VaultFull(), "There is no room left to seal this."),
        (OutboxUnavailable(), "What waits to be sent cannot be opened on this device."),
        (RecordTooLarge(), "This is too long to be sent."),
        (SealedCopyLost(), "Call the centre and tell them what you remember."),
        (CodecError("made up"), "This record cannot be sealed now."),
    ],
)
async def test_a_blocked_record_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: FieldappError, words: str
) -> None:
    stage = Stage.SEALED if isinstance(error, SealedCopyLost) else Stage.LOCAL
    async with at_stage(tmp_path, monkeypatch, stage) as app:
        stuck = await finished(app)
        app.state.open.book.blocked = {stuck.record_id: error}
        assert words in await detail(app, stuck)


async def test_a_list_of_addresses_that_cannot_be_trusted_is_told(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        untrusted = "The relay offers a new address list of the centre that cannot be trusted."
        assert untrusted not in app.screen.texts()
        app.state.open.delivery._pulling.rejected_directory = DirectoryRejected("split_view")
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert untrusted in app.screen.texts()
        assert untrusted in await listed(app)


async def test_an_outbox_that_does_not_open_is_told_and_the_records_can_be_read(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record = await finished(app)
        await app.press("cover")
        (tmp_path / "v.box").write_bytes(b"not a database")
        await app.unlock()
        told = "Nothing can be sent from here now. Tell the centre by phone, and ask its technician."
        assert app.state.place.screen is Screen.HOME
        assert told in app.screen.texts()
        assert not any("cannot be read" in words for words in app.screen.texts())
        assert {told, record.alias} <= set(await listed(app))
        assert record.alias in await detail(app, record)


async def test_records_that_cannot_be_read_are_counted_where_records_are_listed(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        app.state.open.book.damaged += [Damaged(6), Damaged(0)]
        assert any(words.startswith("2 stored records cannot be read.") for words in await listed(app))


async def test_every_refusal_of_the_relay_has_words(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        for refusal in Refusal:
            assert refusal_words(app.state.t, refusal)
            assert refusal_advice(app.state.t, refusal)


async def test_handover_words_show_only_while_held(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record = await finished(app)
        pair = " ".join(record.handover)
        assert pair not in await detail(app, record)
        (holder,) = [m for m in app.screen.find(ft.Semantics, identifier="handover") if m.on_tap is not None]
        await app.screen.fire(holder, "tap")
        assert pair in app.screen.texts()


async def test_a_kept_record_can_be_kept_longer_or_sent(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record = await finished(app, FinishChoice(FinishKind.KEEP_UNTIL, until=date(2026, 12, 3)))
        await detail(app, record)
        await app.press("keep-longer")
        kept = app.state.open.book.record(record.record_id)
        assert kept is not None
        assert kept.keep_until == date(2026, 12, 8)
        await app.press("release")
        sent = app.state.open.book.record(record.record_id)
        assert sent is not None
        assert app.state.open.book.stage(sent) is Stage.LOCAL


async def test_a_long_list_is_shown_in_pages(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record = await finished(app)
        many = {n.to_bytes(16, "big"): replace(record, record_id=n.to_bytes(16, "little")) for n in range(60)}
        app.state.open.book._filed = many
        await listed(app)
        rows = [name for name in app.screen.identifiers() if name.startswith("record-")]
        assert len(rows) == 50
        await app.press("more")
        assert len([name for name in app.screen.identifiers() if name.startswith("record-")]) == 60


@pytest.mark.parametrize("stage", [Stage.LOCAL, Stage.SEALED, Stage.STORED, Stage.RECEIVED, Stage.OPENED])
async def test_a_sealed_copy_can_be_saved_as_long_as_the_centre_does_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    saved: list[tuple[str, bytes]] = []

    async def save(self: ft.FilePicker, *, file_name: str, src_bytes: bytes) -> None:
        saved.append((file_name, src_bytes))

    monkeypatch.setattr(ft.FilePicker, "save_file", save)
    async with at_stage(tmp_path, monkeypatch, stage) as app:
        record = await finished(app)
        shown = await detail(app, record)
        assert ("If it cannot be sent" in shown) == (stage in (Stage.SEALED, Stage.STORED))
        if "If it cannot be sent" in shown:
            await app.press("save-sealed")
            ((name, data),) = saved
            assert data.startswith(b"FSC1")
            assert not any(word in name for word in ("field", "centre", "screening", record.alias))

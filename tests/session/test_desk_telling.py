"""What a person at the desk says to a device: messages, contact rules, upload passes, an order to erase it."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.desk.state import Screen
from fieldapp.services.desk.wiping import WipeState
from tests.session.desk_harness import Desk, open_desk
from tests.unit.centre.desk import Device, founded, screening, seal_record

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]


async def at_device(app: Desk) -> Device:
    """Enrol a device and choose it."""
    device = await app.device()
    await app.press("to-devices", f"device-{device.device_id.hex()[:8]}")
    return device


async def test_a_message_is_written_sent_and_listed(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await at_device(app)
        await app.press("write-message")
        await app.screen.fill("Message", "Made-up question: which door?")
        await app.press("send-message")
        (said,) = app.centre.telling.said_to(device.device_id)
        assert said.text == "Made-up question: which door?"
        assert "Sent before" in app.said
        assert "Made-up question: which door?" in app.said
        assert "Write no names" in app.said


async def test_new_upload_passes_are_sent_when_somebody_asks(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await at_device(app)
        before = app.centre.devices.rows()[0].tokens_left
        await app.press("give-tokens")
        await app.until(lambda: app.centre.devices.rows()[0].tokens_left > before)
        assert "New passes are on their way" in app.said
        await app.pull()
        await device.hear()
        assert len(device.tokens) == 2 * before


async def test_a_wipe_is_asked_for_once_more_and_needs_the_key_holder(tmp_path: Path) -> None:
    _, ceremony = founded()
    (paper,) = ceremony.papers
    async with open_desk(tmp_path) as app:
        device = await at_device(app)
        await app.press("wipe")
        assert "Two people sign" in app.said
        await app.press("order-wipe")
        assert app.centre.wiping.row(device.device_id) is None, "asked once more first"
        await app.press("confirm-yes")
        row = app.centre.wiping.row(device.device_id)
        assert row
        assert row.state is WipeState.ORDERED
        await app.screen.fill("Folder on the key holder's medium", str(tmp_path / "stick"))
        await app.screen.fill("The seven words", "seven words that are made up and wrong")
        await app.press("sign-wipe")
        await app.until(lambda: "passphrase" in app.said.lower() or "words" in app.said.lower())
        row = app.centre.wiping.row(device.device_id)
        assert row
        assert row.state is WipeState.ORDERED
        app.clock.now += 3600
        await app.screen.fill("The seven words", paper.words)
        await app.press("sign-wipe")
        await app.until(lambda: app.centre.wiping.row(device.device_id).state is WipeState.SIGNED)  # type: ignore[union-attr]
        assert paper.words not in app.said
        assert "Both have signed" in app.said


async def test_a_centre_with_one_command_key_says_what_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as app:
        await at_device(app)
        trust = app.centre._book.trust
        one = replace(trust.directory, desks=trust.directory.desks[:1])
        monkeypatch.setattr(
            type(app.centre._book), "trust", property(lambda _: replace(trust, directory=one))
        )
        await app.press("wipe")
        assert "one command key, and a wipe needs two" in app.said
        assert not app.centre.wiping.may_order


async def test_changed_rules_go_to_the_device_that_sent_the_record(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()
        made = screening("heron basalt", safe_contact=True)
        await app.arrive(device, *(sealed.envelope for sealed in seal_record(device, made)))
        await app.read("heron basalt")
        await app.press("change-rules")
        assert app.at(Screen.CASE_RULES)
        await app.screen.fill("Number or address", "111 11 11 11")
        await app.press("safe-school", "send-rules")
        (sent,) = app.centre._book.case_rules
        assert (sent.device_id, sent.case_id, sent.version) == (device.device_id, made.id, 1)
        assert sent.contact["number"] == "111 11 11 11"
        assert app.at(Screen.RECORD)

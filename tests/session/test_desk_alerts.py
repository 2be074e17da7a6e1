"""The alerts room of the desk, and what is decided about devices: what a person reads, presses and is asked."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.state import Screen
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.keeping import put_back_report
from sync.protocol import GAP_ALERT_AFTER, MsgType
from tests.fakes import desk_cases
from tests.session.desk_harness import Desk, open_desk
from tests.unit.centre.desk import NOW, Device

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]


async def with_a_gap(app: Desk) -> tuple[Device, bytes]:
    """Let a record be missing for 72 hours; returns it."""
    device = await app.device()
    (missing,) = desk_cases.envelopes(device, desk_cases.quiet("pebble", NOW - 60))
    await app.arrive(device, *desk_cases.envelopes(device, desk_cases.quiet("cedar", NOW - 60)))
    app.clock.now += GAP_ALERT_AFTER
    await app.pull()
    app.state.turn_alerts(0)
    return device, missing


async def with_a_fork(app: Desk) -> Device:
    """Let two records carry the same number."""
    device = await app.device()
    before = device.seq, device.prev
    (first,) = desk_cases.envelopes(device, desk_cases.quiet("pebble", NOW - 60))
    device.seq, device.prev = before
    (second,) = desk_cases.envelopes(device, desk_cases.quiet("marble", NOW - 30))
    await app.arrive(device, first, second)
    return device


def alert(app: Desk) -> str:
    (shown,) = app.state.alerts.alerts
    return f"alert-{shown.key.hex()[:8]}"


async def test_without_alerts_the_room_says_what_it_is_for(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-alerts")
        assert "No alerts" in app.said
        assert "without reading them" in app.said


async def test_a_gap_is_counted_explained_and_closed_by_a_person_with_a_reason(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await with_a_gap(app)
        await app.press("to-alerts")
        assert app.state.alerts.waiting == 1
        await app.press(alert(app))
        for words in ("Number 1", "What it means", "What it does not mean", "What to do", "by voice"):
            assert words in app.said
        assert "pebble" not in app.said
        await app.screen.fill("Why is it settled?", "Made-up phone fell into a canal.")
        await app.press("close-alert")
        await app.until(lambda: app.state.alerts.waiting == 0)
        assert f"by {app.centre.desk_name}" in app.said.replace("⁨", "").replace("⁩", "")
        assert "Made-up phone fell into a canal." in app.said
        await app.lock()
        assert "canal" not in app.said


async def test_a_gap_that_is_filled_settles_itself(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device, missing = await with_a_gap(app)
        await app.press("to-alerts", alert(app))
        await app.arrive(device, missing)
        await app.until(lambda: "It settled itself" in app.said)
        assert app.state.alerts.alerts == ()


async def test_both_versions_of_a_fork_stand_side_by_side_and_can_be_read(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await with_a_fork(app)
        await app.press("to-alerts", alert(app))
        assert {"Counted in the chain", "Kept aside", "Fingerprint"} <= set(app.screen.texts())
        (conflict,) = app.state.alerts.alerts[0].conflicts
        await app.press(f"examine-{conflict.other.env_hash.hex()[:8]}")
        assert app.at(Screen.EVIDENCE)
        assert "marble" in app.said
        assert "the device does not hear that you read it" in app.said
        await app.press("back")
        assert app.at(Screen.ALERT)
        assert app.state.record is None
        # From the inbox and the quarantine as well: whoever works there must not stand before a closed door.
        await app.press("to-quarantine", f"examine-{conflict.other.env_hash.hex()[:8]}")
        assert "marble" in app.said
        await app.lock()
        assert "marble" not in app.said


async def test_a_reason_is_needed_and_what_was_typed_for_one_alert_never_closes_another(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as app:
        await with_a_fork(app)
        await with_a_gap(app)
        first, second = (f"alert-{a.key.hex()[:8]}" for a in app.state.alerts.alerts)
        await app.press("to-alerts", first)
        await app.screen.fill("Why is it settled?", "Made-up reason of the first.")
        await app.press(second)
        (field,) = [f for f in app.screen.find(ft.TextField) if f.label == "Why is it settled?"]
        assert not field.value
        assert app.state.alerts.waiting == 2


async def test_a_device_is_suspended_resumed_and_withdrawn_after_a_question(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()

        def state() -> DeviceState:
            row = app.centre.devices.row(device.device_id)
            assert row
            return row.state

        await app.press("to-devices", f"device-{device.device_id.hex()[:8]}", "suspend")
        assert "You can take this back." in app.said
        await app.press("confirm-no")
        assert state() is DeviceState.ENROLLED
        await app.press("suspend", "confirm-yes")
        await app.until(lambda: state() is DeviceState.SUSPENDED)
        assert "The device does not know it yet." in app.said
        await app.press("resume", "confirm-yes")
        await app.until(lambda: state() is DeviceState.ENROLLED)
        await app.press("withdraw")
        assert "This cannot be taken back" in app.said
        await app.press("confirm-yes")
        await app.until(lambda: state() is DeviceState.REVOKED)
        assert "enrol it with a new code" in app.said
        assert "withdraw" not in {getattr(c, "identifier", "") for c in app.screen.find(ft.Semantics)}


async def test_on_a_phone_one_thing_at_a_time(tmp_path: Path) -> None:
    async with open_desk(tmp_path, width=412) as app:
        device, _ = await with_a_gap(app)
        await app.press("to-alerts", alert(app), "show-device")
        assert app.at(Screen.DEVICE)
        assert device.device_id.hex()[:8] in app.said
        await app.press("back", "back")
        assert app.at(Screen.ALERTS)


async def test_a_device_that_noticed_older_files_is_an_alert_with_what_to_do(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()
        report = put_back_report(device.device_id, NOW)
        await app.arrive(device, device.seal(MsgType.DEVICE_REPORT, bytes(16), report).envelope)
        await app.press("to-alerts")
        await app.press(alert(app))
        for words in (
            "Older files were put back",
            "Not that somebody meant harm",
            "makes a new key",
        ):
            assert words in app.said
        assert "Both versions" not in app.said

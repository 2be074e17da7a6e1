"""Devices at the desk: the code, the digits that a person compares, and the list."""

from pathlib import Path

import flet as ft
import httpx
import pytest

from fieldapp.desk.state import Screen
from fieldapp.services.desk.devices import Enrolment, EnrolmentState
from sync import enrolment as protocol
from sync.client import RelayClient
from sync.code import EnrolmentCode
from sync.primitives import BoxKeyPair, SigningKey
from tests.fakes import desk_cases
from tests.session.desk_harness import Desk, open_desk
from tests.unit.centre.desk import ADDRESS, NOW

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]


async def begin(app: Desk) -> Enrolment:
    """Fill in the form and show the code."""
    await app.press("to-devices", "enrol")
    await app.screen.fill("Name of the device", "Made-up phone 9")
    await app.press("agency-welfare", "work-outreach", "begin")
    enrolment = app.gate.enrolment
    assert enrolment
    return enrolment


async def say_hello(app: Desk, enrolment: Enrolment, message: bytes | None = None) -> tuple[str, ...]:
    """Play the device; returns the digits that it shows."""
    code = EnrolmentCode.parse(enrolment.qr_text)
    hello = protocol.Hello.make(SigningKey.generate().public, BoxKeyPair.generate().public)
    client = RelayClient(ADDRESS, transport=httpx.ASGITransport(app=app.relay.app))
    sealed = protocol.seal_hello(code, hello) if message is None else message
    await client.put_enrolment(protocol.enrol_id(code), "up", sealed)
    return protocol.digits(code.centre_id, protocol.enrol_id(code), hello.sign_pk, hello.first_prekey)


async def test_a_device_is_enrolled_after_somebody_compared_the_digits(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        enrolment = await begin(app)
        (picture,) = app.screen.find(ft.Image)
        assert isinstance(picture.src, bytes)
        assert picture.src.startswith(b"\x89PNG")
        groups = [group for half in enrolment.typed for group in half.split("-")]
        assert len(groups) == 10
        assert {*groups, enrolment.relay_host} <= set(app.screen.texts())
        digits = await say_hello(app, enrolment)
        assert app.centre.devices.rows() == ()
        await app.until(lambda: "Compare all eight groups, aloud" in app.said)
        assert set(digits) <= set(app.screen.texts())
        assert len(digits) == 8
        assert app.centre.devices.rows() == ()
        await app.press("match")
        assert "The device is enrolled" in app.said
        await app.press("done")
        (row,) = app.centre.devices.rows()
        assert (row.name, row.agency, row.work) == ("Made-up phone 9", "welfare", "outreach")
        assert "Made-up phone 9" in app.said


async def test_digits_that_differ_enrol_nothing(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        enrolment = await begin(app)
        await say_hello(app, enrolment)
        await app.until(lambda: "They differ" in app.said)
        await app.press("differ")
        assert "The code can no longer be used." in app.said
        assert enrolment.state is EnrolmentState.CANCELLED
        assert app.centre.devices.rows() == ()
        await app.press("again")
        assert "Name of the device" in [f.label for f in app.screen.find(ft.TextField)]


async def test_leaving_cancels_and_a_lock_does_not(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        enrolment = await begin(app)
        await app.lock()
        assert enrolment.typed[1][-6:] not in app.said
        await app.unlock()
        assert app.at(Screen.ENROL)
        await say_hello(app, enrolment)
        await app.until(lambda: "Compare all eight groups, aloud" in app.said)
        await app.press("to-inbox")
        assert enrolment.state is EnrolmentState.CANCELLED
        assert app.gate.enrolment is None


async def test_a_code_is_over_after_fifteen_minutes(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await begin(app)
        assert any("15:00 left" in text for text in app.screen.texts())
        app.clock.now += 15 * 60
        await app.until(lambda: "The code is older than 15 minutes" in app.said)


async def test_a_relay_that_is_away_is_said_and_asked_again(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        app.network.off()
        await app.press("to-devices", "enrol")
        await app.screen.fill("Name of the device", "Made-up phone 9")
        await app.press("begin")
        assert "The relay cannot be reached." in app.said
        app.network.on()
        await app.press("begin")
        enrolment = app.gate.enrolment
        assert enrolment
        app.network.off()
        await app.until(lambda: "Trying again automatically." in app.said)
        app.network.on()
        await say_hello(app, enrolment)
        await app.until(lambda: "Compare all eight groups, aloud" in app.said)


async def test_a_hello_that_is_not_in_order_ends_the_enrolment(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        enrolment = await begin(app)
        await say_hello(app, enrolment, bytes(16_384))
        await app.until(lambda: "Someone else may have used this code." in app.said)
        assert enrolment.state is EnrolmentState.CANCELLED


async def test_the_list_says_when_a_device_was_heard_and_what_is_missing(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()
        await app.press("to-devices")
        assert "not yet" in app.screen.texts()
        first, second = (desk_cases.quiet(alias, NOW - 60) for alias in ("pebble", "cedar"))
        desk_cases.envelopes(device, first)
        await app.arrive(device, *desk_cases.envelopes(device, second))
        assert "1 number is missing: it may still be on its way. Ask its worker." in app.said
        assert app.screen.texts().count("today") == 1
        assert f"Police, device {device.device_id.hex()[:8]}" in app.said

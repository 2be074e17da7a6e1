"""Enrolment on the screen, against a real relay and a real centre in this process."""

from datetime import datetime
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.membership import Standing
from fieldapp.services.settings import Work
from fieldapp.ui.screens import enrol
from fieldapp.ui.state import Screen
from sync.client import RelayClient
from tests.session.field_harness import Field, StillClock, open_field
from tests.unit.centre.desk import NOW, World, in_world


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol, "SECONDS_BETWEEN_LOOKS", 0.02)


async def enrolling(app: Field, code: str, host: str = "") -> None:
    app.state.go(Screen.ENROL)
    await app.screen.settle()
    await app.screen.fill("Code", code)
    if host:
        await app.screen.fill("Address of the relay", host)
    await app.press("enrol-begin")


def test_a_typed_code_leads_to_the_same_digits_and_seals_what_was_made_before(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        clock = StillClock(datetime.fromtimestamp(NOW))
        network = httpx.ASGITransport(app=world.relay.app)
        async with open_field(
            tmp_path / "phone", relays=lambda url: RelayClient(url, transport=network), clock=clock
        ) as app:
            draft = await app.state.open.screenings.begin(Mode.OFFICER, language="en")
            await app.state.open.screenings.finish(draft, FinishChoice(FinishKind.SEND))
            begun = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
            first, second = begun.code.typed()
            typed = f"{first.lower()}  {second}".replace("0", "o").replace("1", "l")
            await enrolling(app, typed, begun.code.relay.removeprefix("https://"))
            assert await world.centre.devices.poll(begun)
            shown = app.screen.texts()
            assert [group for group in begun.digits if group not in shown] == []
            assert "The clerk at the centre sees the same digits. Say them aloud." in shown

            await world.centre.devices.confirm(begun)
            await app.screen.wait_for(lambda: "This device is enrolled" in app.screen.texts(), 10)
            assert "1 record made before is sealed now and on its way." in app.screen.texts()
            assert app.state.open.book.standing is Standing.ENROLLED
            await app.press("enrol-done")
            assert app.state.place.screen is Screen.HOME
            assert "enrol" not in app.screen.identifiers()

    in_world(tmp_path, body)


def test_what_goes_wrong_is_said_in_plain_words_and_can_be_tried_again(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        clock = StillClock(datetime.fromtimestamp(NOW))
        relays = lambda url: RelayClient(url, transport=world.network)  # noqa: E731
        async with open_field(tmp_path / "phone", relays=relays, clock=clock) as app:
            begun = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
            host = begun.code.relay.removeprefix("https://")
            first, second = begun.code.typed()
            said = {
                "The code is not complete.": (first, host),
                "A character in the code does not exist in codes.": (first + second[:-1] + "U", host),
                "This is not an address of a relay.": (first + second, "not an address"),
            }
            for words, (code, address) in said.items():
                await enrolling(app, code, address)
                assert words in app.screen.texts()
                app.state.home()
            world.network.off()
            await enrolling(app, first + second, host)
            assert "No network, or the centre's relay does not answer." in app.screen.texts()
            world.network.on()
            await app.press("enrol-begin")
            assert app.state.open.enrolling.standing is Standing.PENDING

    in_world(tmp_path, body)


def test_digits_wait_out_a_lost_network_and_end_with_the_code(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        clock = StillClock(datetime.fromtimestamp(NOW))
        relays = lambda url: RelayClient(url, transport=world.network)  # noqa: E731
        async with open_field(tmp_path / "phone", relays=relays, clock=clock) as app:
            begun = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
            await enrolling(app, begun.qr_text)
            world.network.off()
            await app.screen.wait_for(lambda: "No network. Trying again automatically." in app.screen.texts())
            world.network.on()
            clock.at = datetime.fromtimestamp(NOW + 16 * 60)
            await app.screen.wait_for(lambda: "The code is older than 15 minutes." in app.screen.texts())
            assert app.state.open.enrolling.standing is Standing.LOCAL

    in_world(tmp_path, body)


def test_cancelling_keeps_nothing(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        clock = StillClock(datetime.fromtimestamp(NOW))
        relays = lambda url: RelayClient(url, transport=world.network)  # noqa: E731
        async with open_field(tmp_path / "phone", relays=relays, clock=clock) as app:
            begun = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
            await enrolling(app, begun.qr_text)
            assert "enrol-cancel" in app.screen.identifiers()
            await app.press("enrol-cancel")
            assert app.state.open.enrolling.digits == ()
            assert app.state.place.screen is Screen.HOME

    in_world(tmp_path, body)


def test_what_is_typed_is_read_back_in_the_clerks_groups() -> None:
    assert enrol.grouped("ABCDE12345ABCDE12345ABCDE1") == "ABCDE 12345 ABCDE 12345 ABCDE1"
    assert enrol.grouped("ABCDE12") == "ABCDE 12"

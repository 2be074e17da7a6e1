"""A sealed copy that was carried by hand is taken in at the desk, as a person sees it; the system's dialog is played."""

from pathlib import Path
from types import SimpleNamespace

import flet as ft
import pytest

from fieldapp.desk.state import Screen as DeskScreen
from sync.carried import pack
from tests.session.desk_harness import open_desk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]


async def test_the_desk_says_what_became_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_desk(tmp_path) as app:
        chosen: list[SimpleNamespace] = []

        async def pick(self: ft.FilePicker, **_: object) -> list[SimpleNamespace]:
            return chosen

        monkeypatch.setattr(ft.FilePicker, "pick_files", pick)
        await app.press("to-settings", "carried")
        assert app.at(DeskScreen.CARRIED)
        await app.press("take-in")
        assert not any("new" in text for text in app.screen.texts()), "nothing was chosen"
        chosen.append(SimpleNamespace(bytes=b"%PDF made up"))
        await app.press("take-in")
        assert "This file is no sealed copy, or only a part of one." in app.screen.texts()
        noise = b"FSE1\x01\x01\x01" + bytes(4089)
        chosen[0] = SimpleNamespace(bytes=pack([noise]))
        await app.press("take-in")
        assert "0 parts were new. 0 parts were here already. 1 failed a check: see the quarantine." in (
            app.screen.texts()
        )
        assert "This file is no sealed copy, or only a part of one." not in app.screen.texts()

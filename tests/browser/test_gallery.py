"""Every part of the kit in a real browser, photographed; look at ``shots/`` after a change."""

from collections.abc import Callable
from typing import Literal

import pytest

from tests.browser.conftest import AppProcess, AppWindow, OpenApp
from tests.browser.gallery import ARABIC_NAME

Scheme = Literal["light", "dark"]


def scroll_down(window: AppWindow, pixels: int = 2000) -> None:
    size = window.page.viewport_size or {"width": 412, "height": 915}
    window.page.mouse.move(size["width"] / 2, size["height"] / 2)
    window.page.mouse.wheel(0, pixels)
    window.page.wait_for_timeout(300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_every_part_is_drawn(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, scheme: Scheme, phone: bool
) -> None:
    app = start_app("tests.browser.gallery")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.wait_text("Good evening")
    window.shot("kit-home")
    window.click("screening")
    window.wait_text("5 of 20")
    window.click("answer-yes")
    window.by_id("when-today").wait_for(state="attached")
    window.click("when-today")
    window.shot("kit-question")
    window.click("act-now")
    window.wait_text("Act within 24 hours")
    window.shot("kit-result")
    window.click("finish")
    window.by_id("confirm-no").wait_for(state="attached")
    window.shot("kit-dialog")
    window.click("confirm-no")
    window.by_id("confirm-no").wait_for(state="detached")
    window.click("back")
    window.click("contact")
    window.wait_text("Nothing waits")
    window.shot("kit-notices")
    window.click("back")
    window.click("cases")
    window.by_id("row-willow").wait_for(state="attached")
    window.shot("kit-desk")


def test_names_of_other_scripts_are_letters_and_not_boxes(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.gallery")
    window = open_window(app.url)
    fetched: list[str] = []
    window.page.on("response", lambda answer: fetched.append(f"{answer.status} {answer.url}"))
    window.click("settings")
    window.by_id("language-nl").wait_for(state="attached")
    window.page.wait_for_timeout(1000)
    window.shot("kit-form")
    assert any("200" in line and "notosansarabic" in line for line in fetched)
    assert any("200" in line and "notosansethiopic" in line for line in fetched)
    assert not any(line.startswith("404") for line in fetched)
    window.fill("Name as spoken", ARABIC_NAME + " 2")
    window.wait_text(ARABIC_NAME + " 2")
    window.shot("kit-form-typed")


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_text_of_200_percent_is_not_cut(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool
) -> None:
    app = start_app("tests.browser.gallery")
    window = open_window(app.url, phone=phone)
    window.click("settings")
    window.click("scale-2.0")
    window.wait_text("200 %")
    window.shot("kit-200-form")
    window.click("back")
    window.wait_text("Good evening")
    window.shot("kit-200-home")
    window.click("screening")
    window.click("answer-yes")
    window.by_id("when-today").wait_for(state="attached")
    window.shot("kit-200-question")
    scroll_down(window)
    window.shot("kit-200-question-end")
    window.click("act-now")
    window.wait_text("Act within 24 hours")
    window.shot("kit-200-result")


def test_a_keyboard_reaches_and_presses_the_answers(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.gallery")
    window = open_window(app.url, phone=False)
    window.click("screening")
    window.wait_text("5 of 20")
    focused = "document.activeElement.getAttribute('flt-semantics-identifier')"
    reached: list[str | None] = []
    for _ in range(12):
        window.page.keyboard.press("Tab")
        window.page.wait_for_timeout(60)
        reached.append(window.page.evaluate(focused))
        if reached[-1] == "answer-no":
            break
    assert reached[-1] == "answer-no", reached
    window.shot("kit-focus")
    window.page.keyboard.press("Enter")
    window.page.wait_for_timeout(300)
    assert window.by_id("answer-no").get_attribute("aria-current") == "true"
    names = window.page.get_by_role("button").all_inner_texts()
    assert {"Yes", "No", "Unknown", "Not asked", "Back", "Hide the screen"} <= set(names)


def test_hold_to_reveal_shows_while_it_is_held(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.gallery")
    window = open_window(app.url)
    window.click("settings")
    part = window.by_id("code-word")
    part.wait_for(state="attached")
    box = part.bounding_box()
    assert box is not None
    assert "made-up harbour" not in window.text()
    window.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    window.page.mouse.down()
    window.wait_text("made-up harbour")
    window.page.wait_for_timeout(1200)
    assert "made-up harbour" in window.text()
    window.page.mouse.up()
    window.page.get_by_text("made-up harbour").wait_for(state="detached")

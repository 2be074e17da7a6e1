"""A full officer screening and a short outreach one in a real browser, photographed; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import SHORT_LOOKS, AppProcess, AppWindow, OpenApp, Scheme

BETWEEN_EQUAL_ANSWERS = 250
"""Milliseconds: the same answer tapped faster counts as one tap of a nervous finger."""


def answer(window: AppWindow, name: str, next_step: str) -> None:
    window.page.wait_for_timeout(BETWEEN_EQUAL_ANSWERS)
    window.click(f"answer-{name}")
    window.wait_text(next_step)


@pytest.mark.parametrize(("phone", "scheme"), SHORT_LOOKS)
def test_an_officer_screens_from_the_first_card_to_the_handover_words(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.screening_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.click("new-screening")
    window.wait_text("See the person alone")
    window.shot("screening-1-opening")
    window.click("interpreter-relative_or_community")
    window.by_id("use-sworn").wait_for(state="attached")
    window.shot("screening-1-interpreter")
    window.click("use-sworn")
    window.click("alone-yes")
    window.by_id("who-next").wait_for(state="attached")
    window.fill("Name as spoken", "فاطمة المثال")
    window.shot("screening-2-who")
    window.click("who-next")
    window.wait_text("1 of 20")
    window.shot("screening-3-question")
    answer(window, "yes", "When was the last time?")
    window.shot("screening-3-question-yes")
    window.click("S01t-le72h")
    window.click("next")
    window.wait_text("2 of 20")
    window.click("quiet")
    window.wait_text("Item 2: tonight")
    window.shot("screening-3-question-quiet")
    window.click("quiet")
    window.wait_text("Unsafe where they will sleep tonight?")
    answer(window, "not_asked", "Could be overheard")
    window.shot("screening-3-question-not-asked")
    window.click("reason-no_time")
    window.wait_text("3 of 20")
    answer(window, "no", "4 of 20")
    answer(window, "yes", "When was the last threat?")
    window.click("more")
    window.by_id("basis-said").wait_for(state="attached")
    window.shot("screening-3-question-more")
    window.click("more")
    window.click("S04t-now")
    window.wait_text("5 of 20")
    window.shot("screening-3-question-urgent")
    window.click("act-now")
    window.wait_text("101")
    window.shot("screening-4-act-now")
    window.click("to-questions")
    window.click("show-person")
    window.by_id("to-question").wait_for(state="attached")
    window.shot("screening-4-show")
    window.click("to-question")
    for number in range(5, 20):
        answer(window, "no", f"{number + 1} of 20")
    window.click("overview")
    window.by_id("row-S01").wait_for(state="attached")
    window.shot("screening-3-overview")
    window.click("back")
    answer(window, "no", "Who else sees that device?")
    window.click("channel-call")
    window.click("safe-school")
    window.click("never-evenings")
    window.shot("screening-5-safe-contact")
    window.click("contact-next")
    window.wait_text("Who must not see this?")
    window.shot("screening-6-withhold")
    window.click("withhold-next")
    window.wait_text("Act now")
    window.shot("screening-7-result")
    window.click("raise")
    window.by_id("raise-save").wait_for(state="attached")
    window.shot("screening-7-raise")
    window.click("back")
    window.click("send")
    window.wait_text("Handover words")
    window.shot("screening-8-done")


def test_outreach_starts_with_the_overview_and_chooses_at_the_end(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCREENING_WORK", "outreach")
    window = open_window(start_app("tests.browser.screening_app").url)
    window.click("new-screening")
    window.click("alone-no")
    window.by_id("seen-health").wait_for(state="attached")
    window.click("seen-mood")
    window.shot("outreach-1-observe")
    window.click("to-questions")
    window.by_id("alone-yes").wait_for(state="attached")
    window.shot("outreach-1-alone")
    window.click("alone-yes")
    window.click("who-next")
    window.wait_text("0 of 20 answered")
    window.shot("outreach-2-overview")
    window.click("row-S20")
    window.wait_text("Wants help?")
    answer(window, "yes", "Agrees that the centre is told?")
    window.click("F20c-no")
    window.wait_text("2 of 20")
    window.click("finish-now")
    window.click("contact-next")
    window.click("withhold-next")
    window.wait_text("Serious")
    window.shot("outreach-3-result")
    window.click("finish")
    window.wait_text("Keep it until a date")
    window.click("finish-keep_until")
    window.wait_text("Until when?")
    window.shot("outreach-4-finish")
    window.click("finish-done")
    window.wait_text("Handover words")
    window.shot("outreach-5-done")


@pytest.mark.parametrize(("language", "scale"), [("nl", "100"), ("de", "200")])
def test_long_words_and_large_text_fit(
    start_app: Callable[[str], AppProcess],
    open_window: OpenApp,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    scale: str,
) -> None:
    monkeypatch.setenv("SCREENING_LANGUAGE", language)
    monkeypatch.setenv("SCREENING_SCALE", scale)
    window = open_window(start_app("tests.browser.screening_app").url)
    window.click("new-screening")
    window.by_id("alone-yes").wait_for(state="attached")
    window.shot(f"screening-{language}-1-opening")
    window.click("alone-yes")
    window.click("who-next")
    window.click("answer-yes")
    window.by_id("S01t-now").wait_for(state="attached")
    window.shot(f"screening-{language}-3-question")
    window.click("S01t-now")
    window.click("finish-now")
    window.click("contact-next")
    window.click("withhold-next")
    window.by_id("send").wait_for(state="attached")
    window.shot(f"screening-{language}-7-result")

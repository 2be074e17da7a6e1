"""Words: every message is translated, switching is at once, and the word lists match the program."""

import pytest
from babel.messages.catalog import Catalog

from fieldapp.kit.i18n import LANGUAGES, Translator, best_language
from fieldapp.kit.text import isolate, right_to_left
from tests import locale_tools
from tests.browser import gallery
from tests.fakes.fake_flet import FakeSession


def test_every_message_is_translated_and_compiled() -> None:
    assert locale_tools.problems() == []


def test_the_check_sees_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    real = locale_tools.read_catalogue("nl")
    spoiled = Catalog(locale="nl")
    for message in real:
        if message.id == "Yes":
            continue
        flags = {"fuzzy"} if message.id == "No" else set()
        string: object = {"Back": "", "{step} of {steps}": "{step} van {alles}"}.get(
            str(message.id), message.string
        )
        spoiled.add(message.id, string, flags=flags)  # type: ignore[arg-type]
    spoiled.add("Never said", "Nooit gezegd")
    monkeypatch.setattr(locale_tools, "TRANSLATED", ("nl",))
    monkeypatch.setattr(locale_tools, "read_catalogue", lambda language: spoiled)
    assert set(locale_tools.problems()) >= {
        "nl: doubtful 'No'",
        "nl: fieldapp.mo is stale",
        "nl: missing 'Yes'",
        "nl: no longer used 'Never said'",
        "nl: other placeholders in '{step} of {steps}'",
        "nl: untranslated 'Back'",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_speaks(language: str) -> None:
    t = Translator(language)
    expected = {"en": "5 of 20", "nl": "5 van 20", "fr": "5 sur 20", "de": "5 von 20"}
    assert t("{step} of {steps}", step=5, steps=20) == expected[language]
    assert t.tn("{n} untold", "{n} untold ones", 2) == "2 untold ones", "an unknown message stays English"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown language"):
        Translator("xx")


@pytest.mark.parametrize(
    ("preferred", "language"),
    [(["nl-BE", "fr"], "nl"), (["ar", "fr_BE"], "fr"), (["ar"], "en"), ([], "en"), (["DE"], "de")],
)
def test_the_devices_language_is_taken(preferred: list[str], language: str) -> None:
    assert best_language(preferred) == language


@pytest.mark.anyio
async def test_the_language_switches_at_once() -> None:
    async with FakeSession(gallery.main) as session:
        await session.press("screening")
        assert {"Yes", "Not asked", "5 of 20"} <= set(session.texts())
        await session.press("back")
        await session.press("settings")
        await session.press("language-nl")
        await session.press("back")
        await session.press("screening")
        assert {"Ja", "Niet gevraagd", "5 van 20"} <= set(session.texts())


def test_a_name_keeps_its_own_direction() -> None:
    assert right_to_left(gallery.ARABIC_NAME)
    assert right_to_left("12 " + gallery.SORANI_NAME)
    assert not right_to_left("Łukasz " + gallery.ARABIC_NAME)
    assert not right_to_left("")
    assert isolate("x") == "\u2068x\u2069"

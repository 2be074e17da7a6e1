"""Words: English message ids, translated by gettext catalogues in ``assets/locale``.

A screen takes the two functions from its state and calls them with plain English text, so that the
extraction (``python -m tests.locale_tools update``) finds every message::

    t, tn = state.t, state.tn
    t("Resume the screening of {time}", time="14:05")
    tn("{n} question open", "{n} questions open", 3)
"""

import gettext
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import flet as ft

from fieldapp.assets import assets_dir

DOMAIN: Final = "fieldapp"
LANGUAGES: Final = {"en": "English", "nl": "Nederlands", "fr": "Français", "de": "Deutsch"}
"""Language tag to the language's own name, in the order of the settings list."""


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, assets_dir() / "locale", languages=[language])


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates to one language; call it with a message id.

    Raises:
        ValueError: `language` is not in `LANGUAGES`.
        FileNotFoundError: its compiled catalogue is missing.

    """

    language: str = "en"
    _words: gettext.NullTranslations = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError("unknown language")
        object.__setattr__(self, "_words", _catalogue(self.language))

    def __call__(self, message: str, **values: object) -> str:
        """Return `message` in this language, its ``{names}`` replaced by `values`."""
        text = self._words.gettext(message)
        return text.format(**values) if values else text

    def tn(self, one: str, many: str, n: int, **values: object) -> str:
        """Return `one` or `many` in this language's plural form for `n`; ``{n}`` is replaced by `n`."""
        return self._words.ngettext(one, many, n).format(n=n, **values)

    def locale(self) -> ft.Locale:
        """Return the locale for Flet's own words (date pickers, menus)."""
        return ft.Locale(self.language)


def best_language(preferred: list[str]) -> str:
    """Return the first of `preferred` language tags (such as ``nl-BE``) that we speak, else English."""
    for tag in preferred:
        language = tag.replace("_", "-").split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"

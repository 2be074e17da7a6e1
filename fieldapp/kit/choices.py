"""The settings that both applications have: language, look, text size, and when it locks by itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import flet as ft

from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.i18n import LANGUAGES
from fieldapp.kit.interface import Interface
from fieldapp.kit.trying import Trying
from fieldapp.services.settings import BACKGROUND_CHOICES, IDLE_CHOICES, TEXT_SCALES, Look, Settings

Change = Callable[..., Awaitable[object]]
"""Keeps one setting, given by its name, and shows it at once."""


def setting_chips(
    ui: Interface,
    trying: Trying,
    change: Change,
    label: str,
    name: str,
    words: Mapping[Any, str],
    chosen: object,
    value_of: Callable[[str], object],
) -> ft.Control:
    """Offer the values of the setting `name`; `words` say what each is, `value_of` turns a key back into one."""

    async def choose(key: str) -> None:
        await change(**{name: value_of(key)})

    def tapped(key: str) -> object:
        return trying.of(choose, key)()

    options = [Option(str(key), shown) for key, shown in words.items()]
    return chips(ui, label, options, frozenset({str(chosen)}), tapped, identifier=name)


def appearance_choices(ui: Interface, trying: Trying, change: Change, settings: Settings) -> list[ft.Control]:
    """Offer language, light or dark, and text size."""
    t = ui.t
    looks = {Look.SYSTEM: t("As the device"), Look.LIGHT: t("Light"), Look.DARK: t("Dark")}
    scales = {scale: f"{scale} %" for scale in TEXT_SCALES}
    return [
        setting_chips(ui, trying, change, t("Language"), "language", LANGUAGES, settings.language, str),
        setting_chips(ui, trying, change, t("Light or dark"), "look", looks, settings.look, Look),
        setting_chips(ui, trying, change, t("Text size"), "text_scale", scales, settings.text_scale, int),
    ]


def lock_choices(ui: Interface, trying: Trying, change: Change, settings: Settings) -> list[ft.Control]:
    """Offer after how long it locks by itself, without a tap and in the background."""
    t, tn = ui.t, ui.tn
    idle = {s: tn("{n} minute", "{n} minutes", s // 60) for s in IDLE_CHOICES}
    hidden = {s: tn("{n} second", "{n} seconds", s) if s else t("At once") for s in BACKGROUND_CHOICES}
    return [
        setting_chips(
            ui,
            trying,
            change,
            t("Lock without a tap after"),
            "idle_seconds",
            idle,
            settings.idle_seconds,
            int,
        ),
        setting_chips(
            ui,
            trying,
            change,
            t("Lock in the background after"),
            "background_seconds",
            hidden,
            settings.background_seconds,
            int,
        ),
    ]

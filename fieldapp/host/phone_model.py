"""The model of a phone, in the one form in which a centre lists it: "Google Pixel 8", "iPhone15,2".

No system tells whether its key store lives in hardware (`docs/adr/0052`). So the centre finds out which models have that,
and lists their names; the device shows its own, and never sends it. What is no real phone has no name here.
"""

import asyncio
import contextlib
from typing import Final

import flet as ft

from sync.directory import model_name

PATIENCE: Final = 5.0
"""Seconds for an answer that Flet gives at once."""


def model_of(info: ft.DeviceInfo | None) -> str:
    """Return the name of a phone's model; "" for an emulator, a computer, a browser, and where the system says nothing.

    Android: the maker, unless the model begins with it, and the model. iOS: the machine, which Apple gives to one model
    only; the name for people is translated by a table in the library and may be missing for a new one.
    """
    match info:
        case ft.AndroidDeviceInfo(is_physical_device=True, manufacturer=maker, model=model):
            maker, model = model_name(maker), model_name(model)
            if not model:
                return ""
            return model if model.casefold().startswith(maker.casefold()) else model_name(f"{maker} {model}")
        case ft.IosDeviceInfo(is_physical_device=True, is_ios_app_on_mac=False, utsname=utsname):
            return model_name(utsname.machine)
    return ""


async def ask_model(page: ft.Page) -> str:
    """Return the model of the phone that shows `page`, "" when it gives no answer that can be used."""
    with contextlib.suppress(Exception):  # whatever it is, the app goes on and there is no PIN
        return model_of(await asyncio.wait_for(page.get_device_info(), PATIENCE))
    return ""

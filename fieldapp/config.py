"""How a program is started: where its data is, on which port, and whether a browser is opened."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

FIELD_FOLDER: Final = "notebook"
DESK_FOLDER: Final = "notebook-desk"
"""Neutral names: a folder on a shared disk says nothing of its purpose."""


@dataclass(frozen=True, slots=True)
class Config:
    """The options of one program. `port` 0 takes a free one; always on 127.0.0.1."""

    data_dir: Path
    port: int = 0
    browser: bool = True


def default_data_dir(folder: str) -> Path:
    """Return the user's own data folder on this system for `folder`."""
    return user_data_path(folder, appauthor=False)


def phone_data_dir() -> Path:
    """Return the folder that a phone keeps for this app alone; on other systems the user's own one.

    Flet names it in ``FLET_APP_STORAGE_DATA``; it goes with the app when that is removed.
    """
    private = os.environ.get("FLET_APP_STORAGE_DATA")
    return Path(private) / FIELD_FOLDER if private else default_data_dir(FIELD_FOLDER)

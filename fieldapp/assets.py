"""Finding and reading the data files: in the installed package, or beside it in a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fieldapp.domain.actions import Action, Card, load_actions, load_cards
from fieldapp.domain.instrument import Instrument
from fieldapp.domain.instrument_file import load_instrument
from fieldapp.domain.law import Law, load_law
from fieldapp.errors import AssetError, InstrumentError

INSTRUMENT_ID = "htp-q20"
"""The instrument that a new screening uses."""


@cache
def assets_dir() -> Path:
    """Return the folder of data files: the first of ``<package>/assets`` and ``<checkout>/assets``.

    Raises AssetError when neither holds ``instruments/``.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "assets", package.parent / "assets"):
        if (folder / "instruments").is_dir():
            return folder
    raise AssetError("The app's data files are missing.")


def read_asset(name: str) -> bytes:
    """Return the bytes of ``name``, a path such as ``law/be.toml`` inside the assets folder."""
    try:
        return (assets_dir() / name).read_bytes()
    except OSError:
        raise AssetError(f"The data file {name} cannot be read.") from None


@cache
def default_instrument() -> Instrument:
    """Return the instrument that a new screening uses."""
    return load_instrument(read_asset(f"instruments/{INSTRUMENT_ID}.toml"))


@cache
def instrument_for(instrument_id: str, version: int) -> Instrument:
    """Return exactly the instrument that made a screening, so that an old draft opens unchanged.

    A superseded version stays in ``instruments/`` under another file name. Raises InstrumentError when
    no file holds that id and version.
    """
    for file in sorted((assets_dir() / "instruments").glob("*.toml")):
        instrument = load_instrument(file.read_bytes())
        if (instrument.id, instrument.version) == (instrument_id, version):
            return instrument
    raise InstrumentError(f"No instrument of version {version} with that id is installed.")


@cache
def alias_words() -> tuple[str, ...]:
    """Return the words that case aliases are made of."""
    return _words("words/alias.txt")


@cache
def handover_words() -> tuple[str, ...]:
    """Return the words that handover pairs are made of."""
    return _words("words/handover.txt")


def _words(name: str) -> tuple[str, ...]:
    """Read one word a line; lines that start with ``#`` are comments."""
    lines = read_asset(name).decode("ascii").split("\n")
    return tuple(line for line in lines if line and not line.startswith("#"))


@cache
def default_law() -> Law:
    """Return the law file of the country that the app is made for first."""
    return load_law(read_asset("law/be.toml"))


@cache
def actions() -> Mapping[str, Action]:
    """Return the actions by id."""
    return load_actions(read_asset("guidance/actions.toml"))


@cache
def cards() -> Mapping[str, Card]:
    """Return the guidance cards by id."""
    return load_cards(read_asset("guidance/cards.toml"))

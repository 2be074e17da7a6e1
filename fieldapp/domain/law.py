"""A country's law as configuration: emergency numbers, names of services, circulars, with a version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fieldapp.domain.instrument import Texts
from fieldapp.domain.instrument_file import read_texts
from fieldapp.domain.strict import Fields, parse_toml
from fieldapp.errors import AssetError


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal text that the centre works under; ``id`` as it is cited, ``reviewed`` by a jurist."""

    id: str
    subject: Texts
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Law:
    """One country's file. ``numbers`` and ``services`` fill the placeholders of guidance texts."""

    country: str
    version: int
    date: date
    numbers: Mapping[str, str]
    services: Mapping[str, Texts]
    bases: tuple[Basis, ...]

    def fill(self, text: str, language: str) -> str:
        """Put numbers and services in place of ``{name}``; AssetError for a name that is not here."""

        def name(match: re.Match[str]) -> str:
            key = match.group(1)
            if key in self.numbers:
                return self.numbers[key]
            if key in self.services:
                return self.services[key][language]
            raise AssetError(f"The law file has no {key}.")

        return re.sub(r"\{([a-z_]+)\}", name, text)


def load_law(data: bytes) -> Law:
    """Read and validate a law file (TOML). Raises AssetError that names the table and the key."""
    root = Fields(parse_toml(data, AssetError), "", AssetError)
    numbers, services = root.table("numbers"), root.table("services")
    law = Law(
        country=root.text("country", longest=2),
        version=root.integer("version", 1),
        date=_date(root, "date"),
        numbers={key: numbers.text(key, longest=20) for key in numbers.names()},
        services={key: read_texts(services, key) for key in services.names()},
        bases=tuple(_basis(table) for table in root.tables("basis")),
    )
    for key in ("medical_number", "police_number"):
        if key not in law.numbers:
            root.fail(f"numbers.{key}", "is missing")
    root.done()
    return law


def _date(table: Fields, key: str) -> date:
    value = table.take(key)
    if type(value) is not date:
        table.fail(key, "must be a date")
    return value


def _basis(table: Fields) -> Basis:
    basis = Basis(table.text("id"), read_texts(table, "subject"), table.flag("reviewed"))
    table.done()
    return basis

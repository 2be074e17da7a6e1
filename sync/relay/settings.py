"""What an operator decides about a relay."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sync.relay.quotas import DEFAULT_QUOTA, Quota

REQUESTS_PER_MINUTE: Final = 6000
"""A whole network behind one address may have many devices; one device makes a few requests a minute."""

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


class SettingsError(ValueError):
    """A setting cannot be used; the message is one plain line for the operator."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of one relay process.

    `database` is a file path (SQLite) or a URL. `public_hosts` are the Host header values, in lower case and
    with a port where it is not the default one, under which clients reach this relay: a signed request names
    one, so a request signed for another relay is refused here. `quota` holds for each centre,
    `requests_per_minute` for each address prefix. `body_idle_seconds` is the longest silence while a body
    arrives, `body_total_seconds` the longest whole body. `maintenance_seconds` is the pause between two rounds
    of deletion. `metrics_file` is where counts are written (`sync.relay.metrics`), "" for nowhere.
    """

    database: str
    public_hosts: frozenset[str]
    quota: Quota = DEFAULT_QUOTA
    requests_per_minute: int = REQUESTS_PER_MINUTE
    body_idle_seconds: float = 20.0
    body_total_seconds: float = 120.0
    maintenance_seconds: float = 60.0
    metrics_file: str = ""


def database_url(database: str) -> URL:
    """Return the SQLAlchemy URL of a file path or URL; raise SettingsError for a database that is not served."""
    if "://" not in database:
        return URL.create(_DRIVERS["sqlite"], database=database)
    try:
        url = make_url(database)
    except ArgumentError:
        raise SettingsError("the database URL cannot be read") from None
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise SettingsError(f"the database must be SQLite or PostgreSQL, not {backend}")
    return url.set(drivername=_DRIVERS[backend])

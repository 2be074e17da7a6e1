"""Tables of the relay and the numbered migrations that make them.

Everything belongs to one centre. Times are day numbers; the one exception is `enrolment.expires_minute`, in a
row that lives 15 minutes. No column holds a token, a client address or a key that opens anything.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection

BOX: Final = 0
SHARD: Final = 1

metadata: Final = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

secret = Table(
    "secret",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""`nonce`: the key that marks server nonces as ours, shared by all processes of one relay."""

centre = Table(
    "centre",
    metadata,
    Column("centre_id", LargeBinary(16), primary_key=True),
    Column("name", String(200), nullable=False),
)

desk = Table(
    "desk",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), nullable=False),
    Column("is_centre", Boolean, nullable=False),
)
"""Ed25519 public keys that may sign requests. `is_centre` keys may also replace this list and the directory."""

stream = Table(
    "stream",
    metadata,
    Column("stream_id", Integer, primary_key=True),
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("name", LargeBinary(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("stored_items", BigInteger, nullable=False, server_default="0"),
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("centre_id", "kind", "name"),
)
"""A box (upstream) or a shard (downstream). `last_position` is raised in the transaction that stores an item:
the row stays locked until the commit, so items become visible in the order of their positions. `stored_items` and
`stored_bytes` count the bodies that are there, so that a quota needs no look at the items."""

item = Table(
    "item",
    metadata,
    Column("stream_id", Integer, ForeignKey("stream.stream_id"), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("item_id", LargeBinary(16), nullable=False, unique=True),
    Column("day", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=True),
    Index("item_day", "day"),
)
"""An envelope. After deletion the row stays without a body until day 45, so that a cursor keeps its place."""

desk_box = Table(
    "desk_box",
    metadata,
    Column("key", LargeBinary(32), ForeignKey("desk.key", ondelete="CASCADE"), primary_key=True),
    Column("stream_id", Integer, ForeignKey("stream.stream_id"), primary_key=True, index=True),
    Column("position", BigInteger, nullable=False),
)
"""Which desk reads which box, and how far it has committed what it read."""

drop_token = Table(
    "drop_token",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), nullable=False),
    Column("used_day", Integer, nullable=True, index=True),
    Column("receipt", LargeBinary(32), nullable=True),
    Column("item_id", LargeBinary(16), nullable=True),
)
"""`receipt` = H("fs drop", box | body) of the one drop that used the token."""

read_token = Table(
    "read_token",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), nullable=False),
    Column("quarter", Integer, nullable=False, index=True),
)

directory = Table(
    "directory",
    metadata,
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("enrol_id", LargeBinary(16), primary_key=True),
    Column("centre_id", LargeBinary(16), ForeignKey("centre.centre_id"), nullable=False),
    Column("expires_minute", BigInteger, nullable=False, index=True),
    Column("up", LargeBinary, nullable=True),
    Column("down", LargeBinary, nullable=True),
)

used_nonce = Table(
    "used_nonce",
    metadata,
    Column("nonce_hash", LargeBinary(32), primary_key=True),
    Column("day", Integer, nullable=False, index=True),
)


def _create_all(connection: Connection) -> None:
    metadata.create_all(connection)


def _count_what_is_stored(connection: Connection) -> None:
    known = {column["name"] for column in inspect(connection).get_columns(stream.name)}
    for name in ("stored_items", "stored_bytes"):
        if name not in known:  # step 1 of a new database makes the tables as they are now
            connection.execute(text(f"ALTER TABLE stream ADD COLUMN {name} BIGINT NOT NULL DEFAULT 0"))
    there = (item.c.stream_id == stream.c.stream_id, item.c.body.is_not(None))
    items = select(func.count()).where(*there).scalar_subquery()
    size = select(func.coalesce(func.sum(item.c.size), 0)).where(*there).scalar_subquery()
    connection.execute(update(stream).values(stored_items=items, stored_bytes=size))


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (_create_all, _count_what_is_stored)
"""Step n leads from version n to n + 1. A released step is never edited; a later one changes its result."""


class SchemaTooNewError(Exception):
    """The database was written by a newer relay; this one refuses to touch it."""

    def __init__(self) -> None:
        super().__init__("the database was made by a newer version of the relay")


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest version inside the caller's transaction; raise SchemaTooNewError."""
    exists = inspect(connection).has_table(schema_version.name)
    version = 0
    if exists:
        version = connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
    if version > len(MIGRATIONS):
        raise SchemaTooNewError
    for step, apply in enumerate(MIGRATIONS[version:], start=version + 1):
        apply(connection)
        connection.execute(insert(schema_version).values(version=step))

"""Tables of the relay, as a new database gets them; `sync.relay.migrations` leads older ones there.

Everything belongs to one centre. Times are day numbers; the one exception is `enrolment.expires_minute`, in a
row that lives 15 minutes. No column holds a token, a client address or a key that opens anything.
"""

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
    event,
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
"""`nonce`: the key that marks server nonces as ours, shared by all processes of one relay. `place`: where this
database was when a relay last looked (`sync.relay.restores`)."""

centre = Table(
    "centre",
    metadata,
    Column("centre_id", LargeBinary(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("cursor_mask", LargeBinary(16), nullable=True),
    Column("restored_day", Integer, nullable=True),
)
"""`cursor_mask` changes when the relay was restored from a backup, so that no cursor from before is known any more;
`restored_day` is the day on which that was last noticed. See `sync.relay.restores`."""

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
    Column("collected_position", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("centre_id", "kind", "name"),
)
"""A box (upstream) or a shard (downstream). `last_position` is raised in the transaction that stores an item:
the row stays locked until the commit, so items become visible in the order of their positions. `stored_items` and
`stored_bytes` count the bodies that are there, so that a quota needs no look at the items. No item up to
`collected_position` has a body, so neither a page nor a deletion has to look at what was deleted long ago."""

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


def tune_items(connection: Connection) -> None:
    """Tell PostgreSQL how to keep envelopes; on SQLite nothing needs to be said."""
    if connection.dialect.name == "postgresql":
        # Ciphertext cannot be compressed; trying costs time.
        connection.exec_driver_sql("ALTER TABLE item ALTER COLUMN body SET STORAGE EXTERNAL")
        # Whatever was deleted is vacuumed in the next round, not when a fifth of the table is dead.
        connection.exec_driver_sql(
            "ALTER TABLE item SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1,"
            " toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1)"
        )


event.listen(item, "after_create", lambda _table, connection, **_options: tune_items(connection))

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

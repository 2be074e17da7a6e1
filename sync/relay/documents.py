"""Directory versions and enrolment mailboxes: small documents that are written once.

Each write returns True when it stored something and False for an exact repeat. Every function works inside the
transaction of the connection that it is given.
"""

from typing import Literal

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from sync.protocol import ENROLMENT_LIFETIME
from sync.relay.centres import hold
from sync.relay.schema import directory, enrolment

Direction = Literal["up", "down"]


class WrittenOnceError(Exception):
    """Other bytes stand there already, or a higher version does."""


def put_directory(connection: Connection, centre_id: bytes, version: int, body: bytes) -> bool:
    """Store one directory version; raise WrittenOnceError for other bytes or a version that does not rise."""
    hold(connection, centre_id)
    mine = directory.c.centre_id == centre_id
    same = select(directory.c.body).where(mine, directory.c.version == version)
    stored = connection.execute(same).scalar_one_or_none()
    if stored is not None:
        if stored != body:
            raise WrittenOnceError
        return False
    latest = connection.execute(select(func.max(directory.c.version)).where(mine)).scalar()
    if latest is not None and version < latest:
        raise WrittenOnceError
    connection.execute(insert(directory).values(centre_id=centre_id, version=version, body=body))
    return True


def read_directory(connection: Connection, centre_id: bytes, version: int | None) -> tuple[int, bytes] | None:
    """Return (version, bytes) of one version, or of the latest for None; None when there is none."""
    query = select(directory.c.version, directory.c.body).where(directory.c.centre_id == centre_id)
    if version is not None:
        query = query.where(directory.c.version == version)
    row = connection.execute(query.order_by(directory.c.version.desc()).limit(1)).first()
    return None if row is None else (row.version, row.body)


def open_enrolment(connection: Connection, centre_id: bytes, enrol_id: bytes, now: float) -> bool:
    """Open both mailboxes for 15 minutes; a repeat does not prolong. Raise WrittenOnceError if foreign."""
    connection.execute(delete(enrolment).where(enrolment.c.expires_minute <= _minute(now)))
    owner = select(enrolment.c.centre_id).where(enrolment.c.enrol_id == enrol_id)
    known = connection.execute(owner).scalar_one_or_none()
    if known is not None:
        if known != centre_id:
            raise WrittenOnceError
        return False
    expires = _minute(now) + ENROLMENT_LIFETIME // 60 + 1
    connection.execute(
        insert(enrolment).values(enrol_id=enrol_id, centre_id=centre_id, expires_minute=expires)
    )
    return True


def is_open(connection: Connection, enrol_id: bytes, now: float) -> bool:
    """Say whether an enrolment is open."""
    query = select(enrolment.c.enrol_id).where(_alive(enrol_id, now))
    return connection.execute(query).first() is not None


def put_enrolment(
    connection: Connection, enrol_id: bytes, direction: Direction, body: bytes, now: float
) -> bool | None:
    """Store one message; None when the enrolment is not open. Raise WrittenOnceError for other bytes."""
    column = enrolment.c[direction]
    found = connection.execute(select(column).where(_alive(enrol_id, now)).with_for_update())
    row = found.first()
    if row is None:
        return None
    if row[0] is not None:
        if row[0] != body:
            raise WrittenOnceError
        return False
    connection.execute(update(enrolment).where(enrolment.c.enrol_id == enrol_id).values({column: body}))
    return True


def read_enrolment(connection: Connection, enrol_id: bytes, direction: Direction, now: float) -> bytes | None:
    """Return one message; None when it is not there or the enrolment is not open."""
    query = select(enrolment.c[direction]).where(_alive(enrol_id, now))
    return connection.execute(query).scalar_one_or_none()


def close_expired(connection: Connection, now: float) -> int:
    """Delete enrolments after their 15 minutes; return how many."""
    gone = delete(enrolment).where(enrolment.c.expires_minute <= _minute(now))
    return connection.execute(gone).rowcount


def _alive(enrol_id: bytes, now: float) -> ColumnElement[bool]:
    return (enrolment.c.enrol_id == enrol_id) & (enrolment.c.expires_minute > _minute(now))


def _minute(now: float) -> int:
    return int(now // 60)

"""Directory versions and enrolment mailboxes: small documents that are written once."""

from typing import Literal

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from sync.protocol import ENROLMENT_LIFETIME
from sync.relay.database import Database
from sync.relay.limits import Clock
from sync.relay.schema import directory, enrolment

Direction = Literal["up", "down"]


class WrittenOnceError(Exception):
    """Other bytes stand there already, or a higher version does."""


class Documents:
    """Write-once storage. Each write returns True when it stored something and False for an exact repeat."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put_directory(self, centre_id: bytes, version: int, body: bytes) -> bool:
        """Store one directory version; raise WrittenOnceError for other bytes or a version that does not rise."""
        mine = directory.c.centre_id == centre_id
        async with self._database.write() as connection:
            same = select(directory.c.body).where(mine, directory.c.version == version)
            stored = (await connection.execute(same)).scalar_one_or_none()
            if stored is not None:
                if stored != body:
                    raise WrittenOnceError
                return False
            latest = (await connection.execute(select(func.max(directory.c.version)).where(mine))).scalar()
            if latest is not None and version < latest:
                raise WrittenOnceError
            await connection.execute(
                insert(directory).values(centre_id=centre_id, version=version, body=body)
            )
        return True

    async def directory(self, centre_id: bytes, version: int | None) -> tuple[int, bytes] | None:
        """Return (version, bytes) of one version, or of the latest for None; None when there is none."""
        query = select(directory.c.version, directory.c.body).where(directory.c.centre_id == centre_id)
        if version is not None:
            query = query.where(directory.c.version == version)
        async with self._database.read() as connection:
            row = (await connection.execute(query.order_by(directory.c.version.desc()).limit(1))).first()
        return None if row is None else (row.version, row.body)

    async def open_enrolment(self, centre_id: bytes, enrol_id: bytes) -> bool:
        """Open both mailboxes for 15 minutes; a repeat does not prolong. Raise WrittenOnceError if foreign."""
        async with self._database.write() as connection:
            await connection.execute(delete(enrolment).where(enrolment.c.expires_minute <= self._minute()))
            owner = select(enrolment.c.centre_id).where(enrolment.c.enrol_id == enrol_id)
            known = (await connection.execute(owner)).scalar_one_or_none()
            if known is not None:
                if known != centre_id:
                    raise WrittenOnceError
                return False
            expires = self._minute() + ENROLMENT_LIFETIME // 60 + 1
            await connection.execute(
                insert(enrolment).values(enrol_id=enrol_id, centre_id=centre_id, expires_minute=expires)
            )
        return True

    async def is_open(self, enrol_id: bytes) -> bool:
        """Say whether an enrolment is open."""
        query = select(enrolment.c.enrol_id).where(self._alive(enrol_id))
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def put_enrolment(self, enrol_id: bytes, direction: Direction, body: bytes) -> bool | None:
        """Store one message; None when the enrolment is not open. Raise WrittenOnceError for other bytes."""
        column = enrolment.c[direction]
        async with self._database.write() as connection:
            found = await connection.execute(select(column).where(self._alive(enrol_id)).with_for_update())
            row = found.first()
            if row is None:
                return None
            if row[0] is not None:
                if row[0] != body:
                    raise WrittenOnceError
                return False
            await connection.execute(
                update(enrolment).where(enrolment.c.enrol_id == enrol_id).values({column: body})
            )
        return True

    async def enrolment(self, enrol_id: bytes, direction: Direction) -> bytes | None:
        """Return one message; None when it is not there or the enrolment is not open."""
        query = select(enrolment.c[direction]).where(self._alive(enrol_id))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def close_expired(self) -> int:
        """Delete enrolments after their 15 minutes; return how many."""
        async with self._database.write() as connection:
            gone = delete(enrolment).where(enrolment.c.expires_minute <= self._minute())
            return (await connection.execute(gone)).rowcount

    def _alive(self, enrol_id: bytes) -> ColumnElement[bool]:
        return (enrolment.c.enrol_id == enrol_id) & (enrolment.c.expires_minute > self._minute())

    def _minute(self) -> int:
        return int(self._clock() // 60)

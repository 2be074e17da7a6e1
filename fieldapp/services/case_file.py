"""What a device knows of a case, and the form in which its vault keeps that.

A case is a person whom the worker is in touch with, by an alias. Its id is that of the screening that opened it, if any.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from fieldapp.codec import case_contact_body, parse_safe_contact_body
from fieldapp.domain.contact import Channel, Direction, Outcome, SafeContact, SeenBy
from fieldapp.domain.unfinished import Unfinished
from sync.canonical import Value, dumps
from sync.downstream import rules_hash
from sync.primitives import blake


@dataclass(frozen=True, slots=True)
class CentreRules:
    """Rules that the centre sent: their version there, when (seconds), who, and whether the worker has to choose.

    `contact` is kept while it is `open`; afterwards it is in the case, or was put aside. `applied`: `rules_hash` of what
    replaced the worker's rules, b"" when nothing did. `taken_at`: when this device heard of them.
    """

    version: int
    at: int
    role: str
    open: bool = False
    contact: SafeContact | None = field(default=None, repr=False)
    applied: bytes = b""
    taken_at: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One person whom this worker is in touch with. Id 16 bytes; `opened` in seconds; an alias, never a name."""

    id: bytes
    alias: str
    opened: int
    contact: SafeContact | None = field(default=None, repr=False)
    rules_version: int = 0
    withheld: int = 0
    """Who must not see this, as `sync.protocol.Withheld`: what was said at the screening holds for the whole case."""
    from_centre: CentreRules | None = field(default=None, repr=False)
    """What the centre said last about reaching this person."""

    @property
    def in_question(self) -> SafeContact | None:
        """What the centre says and this worker has not accepted or put aside yet; None when there is no question."""
        return self.from_centre.contact if self.from_centre and self.from_centre.open else None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the worker taps when logging a contact; `next_safe` is local wall time."""

    outcome: Outcome
    direction: Direction = Direction.OUT
    channel: Channel = Channel.CALL
    seen_by: SeenBy = SeenBy.UNKNOWN
    next_safe: datetime | None = None
    note: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RemovedCase:
    """A case that was taken off the device with what was open about it, as long as that can be taken back."""

    case: Case
    unfinished: tuple[Unfinished, ...] = field(repr=False)


def record_id_of(case_id: bytes) -> bytes:
    """Return the vault record of a case. A case has the id of the screening that opened it, a record of its own."""
    return blake(b"fsv1 case", case_id, n=16)


def case_bytes(case: Case) -> bytes:
    """Return what the vault keeps of a case."""
    contact = None if case.contact is None else case_contact_body(case.id, case.contact)
    return dumps(
        cast(
            Value,
            {
                "alias": case.alias,
                "case_id": case.id.hex(),
                "contact": contact,
                "from_centre": None if case.from_centre is None else _centre_body(case.id, case.from_centre),
                "opened": case.opened,
                "rules_version": case.rules_version,
                "v": 1,
                "withheld": case.withheld,
            },
        )
    )


def read_case(body: Mapping[str, object]) -> Case:
    """Read `case_bytes`; CodecError, KeyError, TypeError or ValueError when it is damaged."""
    contact = body["contact"]
    return Case(
        id=bytes.fromhex(str(body["case_id"])),
        alias=str(body["alias"]),
        opened=int(str(body["opened"])),
        contact=None if contact is None else parse_safe_contact_body(contact)[1],
        rules_version=int(str(body["rules_version"])),
        withheld=int(str(body["withheld"])),
        from_centre=_read_centre(body.get("from_centre")),
    )


def rules_hash_of(case: Case) -> bytes:
    """Return what the centre names these rules by; b"" when there are none."""
    if case.contact is None:
        return b""
    return rules_hash(cast(Mapping[str, Value], case_contact_body(case.id, case.contact)))


def _centre_body(case_id: bytes, said: CentreRules) -> dict[str, object]:
    return {
        "applied": said.applied.hex(),
        "at": said.at,
        "contact": None if said.contact is None else case_contact_body(case_id, said.contact),
        "open": said.open,
        "role": said.role,
        "taken_at": said.taken_at,
        "version": said.version,
    }


def _read_centre(body: object) -> CentreRules | None:
    if not isinstance(body, Mapping):  # a case of an early release, or one that the centre said nothing about
        return None
    contact = body["contact"]
    return CentreRules(
        version=int(str(body["version"])),
        at=int(str(body["at"])),
        role=str(body["role"]),
        open=body["open"] is True,
        contact=None if contact is None else parse_safe_contact_body(contact)[1],
        applied=bytes.fromhex(str(body["applied"])),
        taken_at=int(str(body["taken_at"])),
    )

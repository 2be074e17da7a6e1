"""A finished record on the device: what the worker may still see of it, and how far it has come.

A filed record holds its content until a person at the centre has opened it (policy `keep`), then only this stub: an
alias, a time, a level. The content is the codec's plain dictionary, so that a record filed before enrolment can be
sealed later by exactly the same path.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum, StrEnum
from typing import Final, cast

from fieldapp.codec import attachment_body, read_attachment
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.strict import Fields as Table
from fieldapp.errors import CodecError
from fieldapp.services.later import LaterRead
from sync import canonical
from sync.canonical import Value
from sync.fields import Fields, hex_list
from sync.protocol import MsgType


class What(StrEnum):
    """What was recorded."""

    SCREENING = "screening"
    CONTACT = "contact"
    RULES = "rules"


class Stage(IntEnum):
    """How far a record has come; the number orders them."""

    KEPT = 0
    """The worker chose to keep it here until a date."""
    LOCAL = 1
    """Finished, waits for enrolment or for room in the outbox."""
    SEALED = 2
    """Sealed for the centre, waits to be sent."""
    STORED = 3
    """The relay has it."""
    RECEIVED = 4
    """The centre has it, nobody has opened it."""
    OPENED = 5
    """A person at the centre has opened it."""


WITHDRAWAL: Final = 0xFFFF_FFFF
"""In place of the index of a piece: the envelope that says that the rest of a file will not come."""


@dataclass(frozen=True, slots=True)
class Part:
    """One envelope of a record: its type, its chain hash (32), and whether it is provably opened.

    Of a piece of a file also `file_id` (16 bytes, b"" for every other part) and its `index`.

    `opened_proof` (32) is what a desk must show that says it opened or acted on it, also long after the envelope is
    gone from the outbox.
    """

    msg_type: MsgType
    env_hash: bytes
    opened_proof: bytes = field(repr=False)
    opened: bool = False
    file_id: bytes = b""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Filed:
    """One finished record. Ids 16 bytes, times in seconds (0: not yet); `level` and `band` are their codes or ""."""

    record_id: bytes
    case_id: bytes
    what: What
    alias: str
    at: int
    level: str
    band: str
    outcome: str = ""
    handover: tuple[str, ...] = field(default=(), repr=False)
    keep_until: date | None = None
    withheld: int = 0
    version: int = 1
    content: Mapping[str, Value] | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = ()
    opened_at: int = 0
    acted_at: int = 0
    sealed_at: int = 0
    """When its present envelopes were sealed; 0 before, and for what an early release sealed."""
    attachments: tuple[Attachment, ...] = ()
    """The files that travel beside it; their pieces are sealed one by one, after the record."""
    withdrawn: tuple[bytes, ...] = ()
    """Ids of the files that were cancelled after sealing: no more pieces of them are sealed."""

    @property
    def sealed(self) -> bool:
        """Whether its envelopes exist."""
        return bool(self.parts)

    @property
    def own_parts(self) -> tuple[Part, ...]:
        """Its envelopes without those of its files."""
        return tuple(part for part in self.parts if not part.file_id)

    @property
    def chunk_parts(self) -> tuple[Part, ...]:
        """The envelopes of its files."""
        return tuple(part for part in self.parts if part.file_id)

    @property
    def unsealed_pieces(self) -> tuple[tuple[Attachment, int], ...]:
        """What of its files has no envelope yet, in order; for a cancelled file that is at most its WITHDRAWAL."""
        if not self.attachments:
            return ()
        sealed = {(part.file_id, part.index) for part in self.chunk_parts}
        wanted = ((file, index) for file in self.attachments for index in self._wanted(file))
        return tuple((file, index) for file, index in wanted if (file.id, index) not in sealed)

    def _wanted(self, file: Attachment) -> Iterable[int]:
        return (WITHDRAWAL,) if file.id in self.withdrawn else range(len(file.pieces))

    @property
    def urgent(self) -> bool:
        """Whether it is sent without a random delay."""
        return self.band in ("NOW", "24H")

    def with_opened(self, env_hash: bytes, at: int) -> "Filed":
        """Mark one part as opened; the record is opened when all its parts are, and every piece of its files."""
        parts = tuple(replace(p, opened=True) if p.env_hash == env_hash else p for p in self.parts)
        done = all(part.opened for part in parts) and not self.unsealed_pieces
        return replace(self, parts=parts, opened_at=(self.opened_at or at) if done else 0)

    def without_content(self) -> "Filed":
        """The stub that stays."""
        return replace(self, content=None)

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON."""
        return canonical.dumps(
            {
                "acted_at": self.acted_at,
                "alias": self.alias,
                "at": self.at,
                "band": self.band,
                "case_id": self.case_id.hex(),
                "content": None if self.content is None else dict(self.content),
                "handover": list(self.handover),
                "keep_until": self.keep_until.isoformat() if self.keep_until else "",
                "level": self.level,
                "opened_at": self.opened_at,
                "outcome": self.outcome,
                "part_hashes": hex_list(part.env_hash for part in self.parts),
                "part_opened": [part.opened for part in self.parts],
                "part_proofs": hex_list(part.opened_proof for part in self.parts),
                "part_types": [int(part.msg_type) for part in self.parts],
                "record_id": self.record_id.hex(),
                "sealed_at": self.sealed_at,
                "v": 1,
                "version": self.version,
                "what": self.what.value,
                "withheld": self.withheld,
                **self._files(),
            }
        )

    def _files(self) -> dict[str, Value]:
        """Return what is stored of its files: nothing when there are none, as early releases wrote it."""
        if not self.attachments:
            return {}
        return {
            "attachments": [cast(Value, attachment_body(file)) for file in self.attachments],
            "part_files": [part.file_id.hex() for part in self.parts],
            "part_indices": [part.index for part in self.parts],
            "withdrawn": hex_list(self.withdrawn),
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> "Filed":
        """Read what `to_bytes` made; CanonicalError or ValueError when it is damaged.

        The vault has authenticated every byte, and sealing makes the content canonical once more: to prove it here
        for each of a thousand records would double the time to unlock. So is what it holds read when it is asked for.
        """
        rest, content = _split(data)
        value: dict[str, Value] = json.loads(rest.decode())  # from bytes it looks for the encoding first
        fields = Fields(value)
        kept = fields.text("keep_until")
        files = fields.items("attachments") if "attachments" in value else []
        return cls(
            record_id=fields.binary("record_id", 16),
            case_id=fields.binary("case_id", 16),
            what=What(fields.text("what")),
            alias=fields.text("alias"),
            at=fields.number("at"),
            level=fields.text("level"),
            band=fields.text("band"),
            outcome=fields.text("outcome"),
            handover=fields.texts("handover"),
            keep_until=date.fromisoformat(kept) if kept else None,
            withheld=fields.number("withheld"),
            version=fields.number("version", 1),
            content=content,
            parts=_read_parts(fields, with_files=bool(files)),
            opened_at=fields.number("opened_at"),
            acted_at=fields.number("acted_at"),
            sealed_at=fields.number("sealed_at") if "sealed_at" in value else 0,
            attachments=tuple(read_attachment(Table(file, "attachments", CodecError)) for file in files),
            withdrawn=fields.binaries("withdrawn", 16) if files else (),
        )


_CONTENT: Final = b'"content":'
_AFTER: Final = b',"handover":'


def _split(data: bytes) -> tuple[bytes, LaterRead | None]:
    """Take the content out of an encoded record; what is left says null in its place.

    The encoding is canonical: keys are sorted and a quote inside a text stands behind a backslash. So the first
    ``"content":`` is the record's own, for only plain texts and the list of files come before it, and the last
    ``,"handover":`` as well, for only texts, numbers and lists of them come behind.
    """
    start, end = data.find(_CONTENT) + len(_CONTENT), data.rfind(_AFTER)
    if data[start : start + 1] != b"{" or end < start:
        return data, None
    return data[:start] + b"null" + data[end:], LaterRead(data[start:end])


def _read_parts(fields: Fields, *, with_files: bool) -> tuple[Part, ...]:
    types, hashes, proofs = (
        fields.items("part_types"),
        fields.items("part_hashes"),
        fields.items("part_proofs"),
    )
    opened = fields.items("part_opened")
    if not (types or hashes or proofs or opened):  # whatever waits for enrolment
        return ()
    parts = zip(
        types,
        fields.binaries("part_hashes", 32),
        fields.binaries("part_proofs", 32),
        opened,
        [bytes.fromhex(str(f)) for f in fields.items("part_files")] if with_files else [b""] * len(types),
        [int(str(i)) for i in fields.items("part_indices")] if with_files else [0] * len(types),
        strict=True,
    )
    return tuple(Part(MsgType(int(str(t))), h, p, bool(o), f, i) for t, h, p, o, f, i in parts)

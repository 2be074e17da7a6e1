"""What enrolment gave this device: its keys, its certificate, where to send, and what it has heard from each desk.

One vault record (kind DEVICE); the trusted directory and the drop tokens are records of their own, because they change
at other times. Before enrolment there is none of them, and nothing is signed or sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from sync import canonical
from sync.directory import Directory
from sync.fields import Fields, hex_list
from sync.keys import DevicePrekeys
from sync.primitives import SigningKey
from sync.protocol import QUARTER

MOST_QUARTERS: Final = 8
"""Quarters of which a read token is kept, those nearest to now: a desk sends this one and two ahead."""
REMEMBERED_REFILLS: Final = 64
"""More than the relay keeps (45 days) of messages with tokens to one device."""


class Standing(StrEnum):
    """Where a device stands with its centre."""

    LOCAL = "local"
    """Not enrolled: records are kept until it is."""
    PENDING = "pending"
    """A hello was sent; the clerk at the centre has not confirmed the digits yet."""
    ENROLLED = "enrolled"
    SUSPENDED = "suspended"
    """The centre asks this device to wait: records are kept, and sealed when it says so."""
    REVOKED = "revoked"
    """The centre does not take anything more from this device under its present identity: enrol anew."""
    PUT_BACK = "put_back"
    """The records here are older than they were once (a restored copy): nothing is written until it enrols anew."""

    @property
    def may_enrol(self) -> bool:
        """Whether a code of the centre is of any use now."""
        return self in (Standing.LOCAL, Standing.REVOKED, Standing.PUT_BACK)


def standing_in(directory: Directory, device_id: bytes) -> Standing:
    """Return what the centre's signed directory says of a device."""
    if directory.revoked_from(device_id) is not None:
        return Standing.REVOKED
    return Standing.SUSPENDED if directory.is_suspended(device_id) else Standing.ENROLLED


@dataclass(frozen=True, slots=True)
class Heard:
    """The end of one desk's chain to this device: the last seq and the hash of that envelope (32 bytes)."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Membership:
    """An enrolled device. Ids are 16 bytes; `read_tokens` maps a quarter (seconds // QUARTER) to a token."""

    device_id: bytes
    signing: SigningKey
    prekeys: DevicePrekeys
    certificate: bytes
    box: str
    shard: int
    cursor: str
    centre_time: int
    read_tokens: Mapping[int, bytes] = field(repr=False)
    heard: Mapping[bytes, Heard] = field(default_factory=dict)
    refills: tuple[bytes, ...] = ()
    """The envelopes that brought the last tokens, by hash: one that comes twice must not double them."""

    def read_tokens_by_chance(self, now: int) -> tuple[bytes, ...]:
        """Return all read tokens, the one of this quarter first, then the newest: the clock may be wrong."""
        this = max(now, self.centre_time) // QUARTER
        order = sorted(self.read_tokens, key=lambda quarter: (quarter != this, -quarter))
        return tuple(self.read_tokens[quarter] for quarter in order)

    def announcing(self, now: int) -> "Membership":
        """Return the membership to seal with: its downstream prekey is renewed once a day."""
        return replace(self, prekeys=self.prekeys.announce(now).destroy_expired(now))

    def listened(
        self,
        cursor: str,
        centre_time: int,
        heard: Mapping[bytes, Heard],
        read_tokens: Mapping[int, bytes],
        refills: tuple[bytes, ...],
        *,
        now: int,
        rekeyed: bool = False,
    ) -> "Membership":
        """Return the membership after messages from desks were read; `rekeyed`: a desk asked for a new prekey."""
        seen = max(self.centre_time, centre_time)
        return replace(
            self,
            cursor=cursor,
            centre_time=seen,
            heard={**self.heard, **heard},
            read_tokens=_near({**self.read_tokens, **read_tokens}, max(now, seen) // QUARTER),
            refills=(*self.refills, *refills)[-REMEMBERED_REFILLS:],
            prekeys=self.prekeys.renewed(now) if rekeyed else self.prekeys,
        )

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON."""
        return canonical.dumps(
            {
                "box": self.box,
                "centre_time": self.centre_time,
                "certificate": self.certificate.hex(),
                "cursor": self.cursor,
                "device_id": self.device_id.hex(),
                "heard": [
                    {"desk": desk.hex(), "hash": heard.hash.hex(), "seq": heard.seq}
                    for desk, heard in sorted(self.heard.items())
                ],
                "prekeys": self.prekeys.to_bytes().hex(),
                "read_quarters": list(self.read_tokens),
                "read_tokens": hex_list(self.read_tokens.values()),
                "refills": hex_list(self.refills),
                "shard": self.shard,
                "signing": self.signing.seed.hex(),
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Membership":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        quarters = [quarter for quarter in fields.items("read_quarters") if isinstance(quarter, int)]
        tokens = fields.binaries("read_tokens", 32)
        return cls(
            device_id=fields.binary("device_id", 16),
            signing=SigningKey.from_seed(fields.binary("signing", 32)),
            prekeys=DevicePrekeys.from_bytes(fields.binary("prekeys")),
            certificate=fields.binary("certificate"),
            box=fields.text("box"),
            shard=fields.number("shard"),
            cursor=fields.text("cursor"),
            centre_time=fields.number("centre_time"),
            read_tokens=dict(zip(quarters, tokens, strict=True)),
            heard={
                row.binary("desk", 16): Heard(row.number("seq"), row.binary("hash", 32))
                for row in fields.objects("heard")
            },
            refills=fields.binaries("refills", 32),
        )


def _near(tokens: Mapping[int, bytes], quarter: int) -> dict[int, bytes]:
    """Return the tokens of the quarters nearest to `quarter`, in their order."""
    near = sorted(tokens, key=lambda q: (abs(q - quarter), q))[:MOST_QUARTERS]
    return {q: tokens[q] for q in sorted(near)}

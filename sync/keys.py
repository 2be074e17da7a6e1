"""Prekeys: which key a record is sealed to, and how long its private half lives (PROTOCOL.md, section 4).

A role publishes one X25519 prekey a week, 26 weeks ahead, and one last resort. A device seals to the week of its
*prekey time*; the centre destroys private halves 120 days after their week, so that what was sealed before cannot
be opened by whoever steals keys later. A device announces prekeys of its own, for messages from the centre.

Weeks count from 1970-01-01 00:00 UTC (a Thursday): week = seconds // 604800. Times are seconds since 1970.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from sync import canonical
from sync.errors import CanonicalError
from sync.fields import Fields
from sync.primitives import BoxKeyPair
from sync.protocol import (
    DAY,
    DEVICE_PREKEY_LIFETIME,
    PREKEY_GRACE,
    PREKEY_WEEKS_AHEAD,
    QUARTER,
    WEEK,
)

MAX_WEEK: Final = (1 << 32) - 1
MAX_DEVICE_PREKEYS: Final = 128
"""Private halves of one device: twice as many as one a day for 60 days, and no more, however often a desk asks."""


class SlotRole(Enum):
    """What a prekey may open: the registrar's slot (headers only) or a content slot (header and body)."""

    REGISTRAR = "registrar"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class LivePrekey:
    """A private half that is still alive, with the kind of slot that it may open."""

    role: SlotRole
    pair: BoxKeyPair


@dataclass(frozen=True, slots=True)
class Prekey:
    """The public half as the directory states it: valid from `nbf` until before `naf`."""

    week: int
    pk: bytes
    nbf: int
    naf: int

    def to_value(self) -> canonical.Value:
        """Return the directory's object {week, pk, nbf, naf}."""
        return {"naf": self.naf, "nbf": self.nbf, "pk": self.pk.hex(), "week": self.week}

    @classmethod
    def from_fields(cls, fields: Fields) -> "Prekey":
        """Read the directory's object; CanonicalError when a field is wrong or the times do not fit the week."""
        prekey = cls(
            fields.number("week", 0, MAX_WEEK),
            fields.binary("pk", 32),
            fields.number("nbf"),
            fields.number("naf"),
        )
        if prekey.nbf != prekey.week * WEEK or prekey.naf <= prekey.nbf:
            raise CanonicalError("prekey times")
        return prekey


class HasPrekeys(Protocol):
    """A role of the directory, or anything else that publishes prekeys."""

    @property
    def prekeys(self) -> tuple[Prekey, ...]:
        """The weekly prekeys, weeks ascending."""

    @property
    def last_resort(self) -> Prekey:
        """The one to use when no weekly prekey fits."""


def week_of(at: int) -> int:
    """Return the number of the week that holds `at`; 0 for times before 1970."""
    return min(max(0, at) // WEEK, MAX_WEEK)


def prekey_time(wall: int, issued: int, centre_time: int) -> int:
    """Return the time by which a device chooses prekeys: never before what the centre has already shown it.

    `issued` is the directory's, `centre_time` the last time of the centre seen (0: none). A clock set back cannot
    make a device seal to a key that is already destroyed.
    """
    return max(wall, issued, centre_time)


def believable(said: int, wall: int, issued: int) -> int:
    """Return the time that a desk named, as far as the first week without a planned prekey.

    A desk whose clock jumps to 2038 must not take its devices with it. And a device that cannot tell, because its clock
    and its directory are both old, uses the last resort, which the centre always has.
    """
    return min(said, max(wall, issued) + (PREKEY_WEEKS_AHEAD + 1) * WEEK)


def choose_prekey(role: HasPrekeys, at: int) -> Prekey:
    """Return the prekey of `role` for the prekey time `at`; the last resort when there is none for that week."""
    return prekey_of_week(role, week_of(at))


def prekey_of_week(role: HasPrekeys, week: int) -> Prekey:
    """Return what `choose_prekey` chose in `week`: the receiver's side, from the week in the signed header."""
    return next((prekey for prekey in role.prekeys if prekey.week == week), role.last_resort)


def destruction_time(wall: int, issued: int) -> int:
    """Return the time by which a centre may destroy keys: its clock, but no further than the prekeys planned.

    A desk whose clock jumps to 2038 must not destroy every key it holds.
    """
    return min(wall, issued + PREKEY_WEEKS_AHEAD * WEEK)


@dataclass(frozen=True, slots=True)
class HeldPrekey:
    """A prekey of the centre together with its private half."""

    prekey: Prekey
    secret: bytes = field(repr=False)

    @property
    def pair(self) -> BoxKeyPair:
        """The key pair."""
        return BoxKeyPair.from_secret(self.secret)

    @classmethod
    def generate(cls, week: int, length: int = WEEK) -> "HeldPrekey":
        """Make a fresh pair valid from the start of `week` for `length` seconds."""
        pair = BoxKeyPair.generate()
        return cls(Prekey(week, pair.public, week * WEEK, week * WEEK + length), pair.secret)

    def to_value(self) -> canonical.Value:
        """Return an object for the desk's vault."""
        return {"prekey": self.prekey.to_value(), "secret": self.secret.hex()}

    @classmethod
    def from_fields(cls, fields: Fields) -> "HeldPrekey":
        """Read what `to_value` made; CanonicalError when the halves do not belong together."""
        held = cls(Prekey.from_fields(fields.object("prekey")), fields.binary("secret", 32))
        if held.pair.public != held.prekey.pk:
            raise CanonicalError("prekey halves")
        return held


@dataclass(frozen=True, slots=True)
class PrekeyRing:
    """All prekeys of one role with their private halves: weekly ones ascending, last resorts oldest first."""

    role: SlotRole
    weekly: tuple[HeldPrekey, ...]
    last_resorts: tuple[HeldPrekey, ...]

    @classmethod
    def generate(cls, role: SlotRole, now: int) -> "PrekeyRing":
        """Make the ring of a new role: this week, the 26 weeks ahead, and a last resort."""
        return cls(role, (), ()).renewed(now)

    def renewed(self, now: int) -> "PrekeyRing":
        """Return a ring that again reaches 26 weeks ahead, with a new last resort once a quarter has passed."""
        first = week_of(now)
        known = {held.prekey.week for held in self.weekly}
        wanted = range(first, first + PREKEY_WEEKS_AHEAD + 1)
        weekly = (*self.weekly, *(HeldPrekey.generate(week) for week in wanted if week not in known))
        last_resorts = self.last_resorts
        if not last_resorts or now >= last_resorts[-1].prekey.nbf + QUARTER:
            length = (PREKEY_WEEKS_AHEAD + 1) * WEEK + QUARTER  # it starts to serve when the weekly ones end
            last_resorts = (*last_resorts, HeldPrekey.generate(first, length))
        return PrekeyRing(self.role, tuple(sorted(weekly, key=_week)), last_resorts)

    def replaced(self, now: int) -> "PrekeyRing":
        """Return a ring with new prekeys from this week on (a member left); the old halves live on to be opened.

        What was replaced keeps its private half until its time, but is no longer published.
        """
        old = tuple(held for held in self.weekly if held.prekey.week < week_of(now))
        retired = tuple(held for held in self.weekly if held.prekey.week >= week_of(now))
        fresh = PrekeyRing(self.role, old, ()).renewed(now)
        return PrekeyRing(self.role, fresh.weekly, (*retired, *self.last_resorts, *fresh.last_resorts))

    def published(self, now: int) -> tuple[tuple[Prekey, ...], Prekey]:
        """Return what the directory shows: the weekly prekeys that are not over, and the newest last resort."""
        return tuple(h.prekey for h in self.weekly if h.prekey.naf > now), self.last_resorts[-1].prekey

    def live(self) -> tuple[LivePrekey, ...]:
        """Return every private half for a `Reader`. Those of coming weeks too: a device's clock may run ahead."""
        return tuple(LivePrekey(self.role, held.pair) for held in (*self.weekly, *self.last_resorts))

    def destroy_expired(self, now: int) -> "PrekeyRing":
        """Return the ring without halves whose time ended 120 days ago; `now` comes from `destruction_time`.

        The newest last resort stays: without it a device that was away for long could not be read at all.
        """
        newest = self.last_resorts[-1:]
        return PrekeyRing(
            self.role,
            tuple(held for held in self.weekly if not _expired(held, now)),
            (*(held for held in self.last_resorts[:-1] if not _expired(held, now)), *newest),
        )

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON, private halves included."""
        return canonical.dumps(
            {
                "last_resorts": [held.to_value() for held in self.last_resorts],
                "role": self.role.value,
                "weekly": [held.to_value() for held in self.weekly],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "PrekeyRing":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        name = fields.text("role")
        if name not in (role.value for role in SlotRole):
            raise CanonicalError("role")
        return cls(
            SlotRole(name),
            tuple(HeldPrekey.from_fields(row) for row in fields.objects("weekly")),
            tuple(HeldPrekey.from_fields(row) for row in fields.objects("last_resorts")),
        )


def _week(held: HeldPrekey) -> int:
    return held.prekey.week


def _expired(held: HeldPrekey, now: int) -> bool:
    return now >= held.prekey.naf + PREKEY_GRACE


@dataclass(frozen=True, slots=True)
class Announced:
    """A downstream prekey of a device: when it was first and last announced in a header."""

    secret: bytes = field(repr=False)
    first: int
    last: int

    @property
    def pair(self) -> BoxKeyPair:
        """The key pair."""
        return BoxKeyPair.from_secret(self.secret)


@dataclass(frozen=True, slots=True)
class DevicePrekeys:
    """The prekeys by which the centre reaches this device, oldest first; never empty."""

    held: tuple[Announced, ...]

    @classmethod
    def generate(cls, now: int) -> "DevicePrekeys":
        """Make the first one, announced in the certificate."""
        return cls((Announced(BoxKeyPair.generate().secret, now, now),))

    @property
    def current(self) -> bytes:
        """The public half to announce now (32 bytes)."""
        return self.held[-1].pair.public

    def announce(self, now: int) -> "DevicePrekeys":
        """Return the ring to seal the next header with: `current` is new when the last one is a day old.

        Only time that passed forward counts; a clock set back keeps the present prekey.
        """
        newest = self.held[-1]
        if now - newest.first >= DAY:
            return self.renewed(now)
        return DevicePrekeys((*self.held[:-1], Announced(newest.secret, newest.first, max(newest.last, now))))

    def renewed(self, now: int) -> "DevicePrekeys":
        """Return the ring with a new prekey to announce from now on; beyond MAX_DEVICE_PREKEYS the oldest goes."""
        held = (*self.held, Announced(BoxKeyPair.generate().secret, now, now))
        return DevicePrekeys(held[-MAX_DEVICE_PREKEYS:])

    def destroy_expired(self, now: int) -> "DevicePrekeys":
        """Return the ring without those last announced 60 days ago or longer; the newest always stays."""
        kept = tuple(held for held in self.held[:-1] if now < held.last + DEVICE_PREKEY_LIFETIME)
        return DevicePrekeys((*kept, self.held[-1]))

    def live(self) -> tuple[LivePrekey, ...]:
        """Return every private half, newest first, for a `Reader` of slot 1."""
        return tuple(LivePrekey(SlotRole.CONTENT, held.pair) for held in reversed(self.held))

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON, private halves included."""
        rows: list[canonical.Value] = [
            {"first": held.first, "last": held.last, "secret": held.secret.hex()} for held in self.held
        ]
        return canonical.dumps({"held": rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> "DevicePrekeys":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        rows = Fields.parse(data).objects("held")
        if not rows:
            raise CanonicalError("no prekey")
        return cls(
            tuple(Announced(r.binary("secret", 32), r.number("first"), r.number("last")) for r in rows)
        )

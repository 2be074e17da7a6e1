"""The directory: to whom a record is sealed, by which policy, and where it is sent (PROTOCOL.md, section 6.3).

Signed by the root's directory keys, hash-chained, one version after the other. Fields that a reader does not know
are ignored (the signature covers them all the same), so that a later release can add some.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sync import canonical
from sync.address import relay_address
from sync.canonical import Value
from sync.errors import CanonicalError, DirectoryRejected
from sync.fields import Fields, as_text, hex_list
from sync.keys import Prekey
from sync.primitives import SigningKey, blake, is_low_order
from sync.protocol import (
    DOC_DIRECTORY,
    MAX_COUNTER,
    MAX_RECIPIENTS,
    MAX_SIGNERS,
    SHARD_COUNT,
    SUITE,
)
from sync.root import Root
from sync.signed import SignedDocument
from sync.spki import PIN_LENGTH, is_pin

REGISTRAR: Final = "registrar"
"""The id of the role that reads headers only; every directory has it."""
DEFAULT_INTAKE: Final = "default"
"""The key of the intake roles when nobody is excluded."""
WIPE_AFTER: Final = (10, 1000)
"""The fewest and the most wrong passphrases: fewer would punish a bad morning."""
MAX_PIN_MODELS: Final = 32
MODEL_LENGTH: Final = 64
"""Characters of the name of a device model."""
_MINUTES_OF_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Role:
    """A role at the centre and the prekeys by which it is reached; implements `keys.HasPrekeys`."""

    name: str
    agency: str
    prekeys: tuple[Prekey, ...]
    last_resort: Prekey


@dataclass(frozen=True, slots=True)
class DeskEntry:
    """One staff member's installation: id (16 bytes), name for screens, Ed25519 key (32)."""

    id: bytes
    name: str
    sign_pk: bytes


@dataclass(frozen=True, slots=True)
class Revocation:
    """From `from_seq` on, what this device signs is quarantined."""

    id: bytes
    from_seq: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Reachable on `day` (0 = Monday) from minute `start` until before minute `end` of the centre's local day."""

    day: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phone:
    """A number for the result screen. No hours: day and night. `kind` is centre, duty or other."""

    kind: str
    label: str
    number: str
    hours: tuple[Hours, ...] = ()

    def reachable(self, weekday: int, minute: int) -> bool:
        """Tell whether somebody answers on `weekday` (0 = Monday) at `minute` of the day."""
        return not self.hours or any(h.day == weekday and h.start <= minute < h.end for h in self.hours)


@dataclass(frozen=True, slots=True)
class Policy:
    """The centre's rules for its devices.

    `keep`: 0 write-only, 1 until OPENED, 2 for `keep_days` days. `opened_by`: distinct desks before erasure.
    `intake`: answer to "who must not see this?" -> roles that may then receive; the key "default" is required.
    `wipe_after`: wrong passphrases after which a device with a key store erases the notebook; 0 for never.
    `pin_models`: the device models (`model_name`) on which a PIN may open a notebook, ascending; none by default.
    """

    keep: int
    keep_days: int
    opened_by: int
    token_batch: int
    intake: dict[str, tuple[str, ...]]
    wipe_after: int = 0
    pin_models: tuple[str, ...] = ()

    def intake_roles(self, must_not_see: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the roles to seal to: those that every given answer leaves. Never empty in a loaded directory."""
        lists = [self.intake[answer] for answer in must_not_see if answer in self.intake]
        return tuple(
            role for role in self.intake[DEFAULT_INTAKE] if all(role in allowed for allowed in lists)
        )


@dataclass(frozen=True, slots=True)
class Relay:
    """Where the relay is: https address without a trailing slash, and the pin of a key or "" (`sync.transport`)."""

    url: str
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """Directory version `v` of one centre. Times in seconds; expiry warns and never stops a field tool."""

    v: int
    centre_id: bytes
    prev_hash: bytes
    root_v: int
    issued: int
    expires: int
    min_suite: int
    roles: dict[str, Role]
    enrol_keys: tuple[bytes, ...]
    policy: Policy
    desks: tuple[DeskEntry, ...]
    devices_revoked: tuple[Revocation, ...]
    relay: Relay
    phones: tuple[Phone, ...]
    shards: int = SHARD_COUNT
    devices_suspended: tuple[bytes, ...] = ()
    """Devices that wait for a decision of the centre: they keep recording and seal nothing. Ids of 16 bytes."""

    @property
    def registrar(self) -> Role:
        """The role of slot 0."""
        return self.roles[REGISTRAR]

    def desk(self, desk_id: bytes) -> DeskEntry | None:
        """Return the desk with this id, None if there is none."""
        return next((desk for desk in self.desks if desk.id == desk_id), None)

    def revoked_from(self, device_id: bytes) -> int | None:
        """Return the first seq of a device that is no longer trusted; None for a device in good standing."""
        return min((r.from_seq for r in self.devices_revoked if r.id == device_id), default=None)

    def is_suspended(self, device_id: bytes) -> bool:
        """Tell whether a device shall seal nothing for now; one that is revoked as well is revoked."""
        return device_id in self.devices_suspended

    def to_bytes(self) -> bytes:
        """Encode the document: canonical JSON. CanonicalError for values that a document cannot hold."""
        # A later field: left out while it is empty, so that what an earlier release signed keeps its bytes.
        suspended: dict[str, Value] = (
            {"devices_suspended": [{"id": device_id.hex()} for device_id in self.devices_suspended]}
            if self.devices_suspended
            else {}
        )
        return canonical.dumps(
            {
                **suspended,
                "centre_id": self.centre_id.hex(),
                "desks": [{"id": d.id.hex(), "name": d.name, "sign_pk": d.sign_pk.hex()} for d in self.desks],
                "devices_revoked": [{"from_seq": r.from_seq, "id": r.id.hex()} for r in self.devices_revoked],
                "enrol_keys": hex_list(self.enrol_keys),
                "expires": self.expires,
                "issued": self.issued,
                "min_suite": self.min_suite,
                "phones": [_phone_value(phone) for phone in self.phones],
                "policies": _policy_value(self.policy),
                "prev_hash": self.prev_hash.hex(),
                "relay": {"pin": self.relay.pin, "url": self.relay.url},
                "roles": {role_id: _role_value(role) for role_id, role in self.roles.items()},
                "root_v": self.root_v,
                "shards": self.shards,
                "v": self.v,
            }
        )

    @classmethod
    def from_bytes(cls, document: bytes) -> "Directory":
        """Read and check a document; DirectoryRejected(document | prekeys | intake)."""
        try:
            directory = _read(Fields.parse(document))
        except CanonicalError:
            raise DirectoryRejected("document") from None
        _check_prekeys(directory.roles)
        _check_intake(directory)
        return directory


def model_name(words: str) -> str:
    """Return the name of a device model as a directory may hold it: NFC, single spaces, at most MODEL_LENGTH characters.

    "" for what is no such name: too long, empty, or with something that no screen shows.
    """
    name = " ".join(unicodedata.normalize("NFC", words).split())
    return name if len(name) <= MODEL_LENGTH and name.isprintable() else ""


def directory_hash(document: bytes) -> bytes:
    """H("fsd1 directory", document): `dir_hash` of every header and `prev_hash` of the next version."""
    return blake(b"fsd1 directory", document)


def sign_directory(directory: Directory, root: Root, keys: Sequence[SigningKey]) -> bytes:
    """Check and sign a directory with directory keys of `root`; returns the container."""
    document = directory.to_bytes()
    Directory.from_bytes(document)
    return SignedDocument.sign(DOC_DIRECTORY, document, root.dir_keys, keys).to_bytes()


def verify_directory(signed: SignedDocument, root: Root) -> Directory:
    """Check signatures, thresholds and content under `root`.

    DirectoryRejected: container, signature, threshold, document, prekeys, intake, centre, root_version, min_suite.
    """
    if signed.doc_type != DOC_DIRECTORY:
        raise DirectoryRejected("container")
    if len(signed.valid_signers(root.dir_keys)) < root.dir_threshold:
        raise DirectoryRejected("threshold")
    directory = Directory.from_bytes(signed.document)
    if directory.centre_id != root.centre_id:
        raise DirectoryRejected("centre")
    if directory.root_v != root.v:
        raise DirectoryRejected("root_version")
    if directory.min_suite > SUITE:
        raise DirectoryRejected("min_suite")
    return directory


# --- Documents to values, and back -------------------------------------------------------------------------


def _role_value(role: Role) -> Value:
    return {
        "agency": role.agency,
        "last_resort": role.last_resort.to_value(),
        "name": role.name,
        "prekeys": [prekey.to_value() for prekey in role.prekeys],
    }


def _policy_value(policy: Policy) -> Value:
    return {
        "intake": {answer: list(roles) for answer, roles in policy.intake.items()},
        "keep": policy.keep,
        "keep_days": policy.keep_days,
        "opened_by": policy.opened_by,
        "token_batch": policy.token_batch,
        # Left out while they are off, as in the releases that did not know them.
        **({"wipe_after": policy.wipe_after} if policy.wipe_after else {}),
        **({"pin_models": list(policy.pin_models)} if policy.pin_models else {}),
    }


def _phone_value(phone: Phone) -> Value:
    hours: list[Value] = [{"day": h.day, "end": h.end, "start": h.start} for h in phone.hours]
    return {"hours": hours, "kind": phone.kind, "label": phone.label, "number": phone.number}


def _read(fields: Fields) -> Directory:
    roles = fields.object("roles")
    return Directory(
        v=fields.number("v", 1, MAX_COUNTER),
        centre_id=fields.binary("centre_id", 16),
        prev_hash=fields.binary("prev_hash", 32),
        root_v=fields.number("root_v", 1, MAX_COUNTER),
        issued=fields.number("issued"),
        expires=fields.number("expires"),
        min_suite=fields.number("min_suite", 1, 255),
        roles={role_id: _read_role(roles.object(role_id)) for role_id in roles.names()},
        enrol_keys=fields.binaries("enrol_keys", 32, 4 * MAX_SIGNERS),
        policy=_read_policy(fields.object("policies")),
        desks=tuple(
            DeskEntry(f.binary("id", 16), f.text("name"), f.binary("sign_pk", 32))
            for f in fields.objects("desks", 256)
        ),
        devices_revoked=tuple(
            Revocation(f.binary("id", 16), f.number("from_seq", 1)) for f in fields.objects("devices_revoked")
        ),
        relay=_read_relay(fields.object("relay")),
        phones=tuple(_read_phone(f) for f in fields.objects("phones", 64)),
        shards=fields.number("shards", 1, 256),
        devices_suspended=_read_suspended(fields),
    )


def _read_suspended(fields: Fields) -> tuple[bytes, ...]:
    if "devices_suspended" not in fields.names():
        return ()
    return tuple(f.binary("id", 16) for f in fields.objects("devices_suspended"))


def _read_role(fields: Fields) -> Role:
    return Role(
        name=fields.text("name"),
        agency=fields.text("agency"),
        prekeys=tuple(Prekey.from_fields(f) for f in fields.objects("prekeys", 64)),
        last_resort=Prekey.from_fields(fields.object("last_resort")),
    )


def _read_policy(fields: Fields) -> Policy:
    intake = fields.object("intake")
    return Policy(
        keep=fields.number("keep", 0, 2),
        keep_days=fields.number("keep_days", 0, 3650),
        opened_by=fields.number("opened_by", 1, 16),
        token_batch=fields.number("token_batch", 1, 256),
        intake={answer: intake.texts(answer, MAX_RECIPIENTS) for answer in intake.names()},
        wipe_after=fields.number("wipe_after", *WIPE_AFTER) if "wipe_after" in fields.names() else 0,
        pin_models=_read_models(fields) if "pin_models" in fields.names() else (),
    )


def _read_models(fields: Fields) -> tuple[str, ...]:
    models = fields.texts("pin_models", MAX_PIN_MODELS, MODEL_LENGTH)
    # One form only: an empty list is left out, and the order is that of the code points.
    if not models or list(models) != sorted(set(models)):
        raise CanonicalError("models in order expected")
    if any(not name or model_name(name) != name for name in models):
        raise CanonicalError("name of a model expected")
    return models


def _read_relay(fields: Fields) -> Relay:
    url = fields.text("url")
    try:
        if relay_address(url) != url:
            raise CanonicalError("relay address")
    except ValueError:
        raise CanonicalError("relay address") from None
    pin = fields.text("pin", PIN_LENGTH)
    if pin and not is_pin(pin):
        raise CanonicalError("pin")
    return Relay(url, pin)


def _read_phone(fields: Fields) -> Phone:
    return Phone(
        kind=fields.text("kind", 16),
        label=fields.text("label"),
        number=as_text(fields.text("number"), 32),
        hours=tuple(
            Hours(
                f.number("day", 0, 6),
                f.number("start", 0, _MINUTES_OF_DAY),
                f.number("end", 0, _MINUTES_OF_DAY),
            )
            for f in fields.objects("hours", 64)
        ),
    )


def _check_prekeys(roles: dict[str, Role]) -> None:
    """Refuse prekeys that give every sender the same secret, that repeat, or that are out of order."""
    seen: set[bytes] = set()
    for role in roles.values():
        weeks = [prekey.week for prekey in role.prekeys]
        if weeks != sorted(set(weeks)):
            raise DirectoryRejected("prekeys")
        for prekey in (*role.prekeys, role.last_resort):
            if prekey.pk in seen or is_low_order(prekey.pk):
                raise DirectoryRejected("prekeys")
            seen.add(prekey.pk)


def _check_intake(directory: Directory) -> None:
    """Every combination of answers must leave somebody who may read the record, and only content roles."""
    intake = directory.policy.intake
    content = directory.roles.keys() - {REGISTRAR}
    if REGISTRAR not in directory.roles or DEFAULT_INTAKE not in intake:
        raise DirectoryRejected("intake")
    if any(len(set(roles)) != len(roles) or not content.issuperset(roles) for roles in intake.values()):
        raise DirectoryRejected("intake")
    if not directory.policy.intake_roles(intake):
        raise DirectoryRejected("intake")

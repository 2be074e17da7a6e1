"""How a centre begins: root, directory and role keys, made once, in memory (security: section 4).

Root and directory keys go into key vaults (`fieldapp.services.custody`): one for a small centre, or three of which two
must sign. What stays on the desk cannot change the directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fieldapp.services.custody import HolderKeys, KeyPaper
from fieldapp.services.desk.records import DeskIdentity, DeskRecord, Published, RoleKeys
from sync.certificate import Certificate
from sync.directory import DeskEntry, Directory, Phone, Policy, Relay, Role, sign_directory
from sync.keys import PrekeyRing, SlotRole
from sync.primitives import BoxKeyPair, SigningKey, blake, random_bytes
from sync.protocol import DAY, PREKEY_WEEKS_AHEAD, SUITE, WEEK, SenderKind
from sync.root import Root, sign_root
from sync.trust import TrustedState, make_blob

ONE_HOLDER: Final = 1
SEVERAL_HOLDERS: Final = 3
SIGNERS_OF_SEVERAL: Final = 2
"""Two of three: one key can be lost, and one alone can do no harm."""
ROOT_SECONDS: Final = 10 * 365 * DAY
DIRECTORY_SECONDS: Final = PREKEY_WEEKS_AHEAD * WEEK
"""As long as prekeys reach ahead."""


@dataclass(frozen=True, slots=True)
class RolePlan:
    """A content role: its name for people, and whose it is."""

    name: str
    agency: str


INTAKE: Final = "intake"
POLICE: Final = "police"
DEFAULT_ROLES: Final[Mapping[str, RolePlan]] = {
    INTAKE: RolePlan("Intake", "centre"),
    POLICE: RolePlan("Police at the centre", "police"),
}
DEFAULT_POLICY: Final = Policy(
    keep=1,
    keep_days=0,
    opened_by=1,
    token_batch=60,
    intake={
        "default": (INTAKE, POLICE),
        "police": (INTAKE,),
        "named_person": (INTAKE,),
        "town_hall": (INTAKE, POLICE),
        "interpreter_pool": (INTAKE, POLICE),
        "school": (INTAKE, POLICE),
        "shelter": (INTAKE, POLICE),
    },
)
"""Who is not to see a record gets no slot; a person who is named could work in any agency but the centre itself."""


@dataclass(frozen=True, slots=True)
class CentrePlan:
    """What has to be decided before a centre is made.

    `relay` is an address such as https://relay.example; `pin` the pin of its key or authority (`sync.transport`), "" for
    none.
    """

    name: str
    relay: str
    desk_name: str = "Desk 1"
    pin: str = ""
    phones: tuple[Phone, ...] = ()
    policy: Policy = DEFAULT_POLICY
    roles: Mapping[str, RolePlan] = field(default_factory=lambda: dict(DEFAULT_ROLES))


@dataclass(frozen=True, slots=True)
class KeyCeremony:
    """What the creator of a centre must write down now: one paper for each key holder, shown once, stored nowhere.

    `desk_key` (32 bytes) and `centre_id` (16) go to the operator of the relay. `removable` is False when the root and
    directory keys lie in the desk's own folder: whoever takes this computer then has them, behind seven words.
    """

    papers: tuple[KeyPaper, ...]
    removable: bool
    centre_id: bytes
    desk_key: bytes


@dataclass(frozen=True, slots=True)
class Founding:
    """A centre as it begins: the desk's first records, and the keys that leave for the key vaults."""

    records: tuple[DeskRecord, ...]
    centre_id: bytes
    desk_key: bytes
    holders: tuple[HolderKeys, ...]


def threshold_of(holders: int) -> int:
    """Return how many of so many key holders must sign; ValueError for a number that is not offered."""
    if holders not in (ONE_HOLDER, SEVERAL_HOLDERS):
        raise ValueError("one key holder, or three")
    return 1 if holders == ONE_HOLDER else SIGNERS_OF_SEVERAL


def found(plan: CentrePlan, now: int, holders: int = ONE_HOLDER) -> Founding:
    """Make all keys, root 1 and directory 1. ValueError or DirectoryRejected for a plan that cannot be."""
    threshold, desk_key = threshold_of(holders), SigningKey.generate()
    keys = tuple(HolderKeys.generate() for _ in range(holders))
    root_keys, dir_keys = [k.root for k in keys], [k.directory for k in keys]
    root = Root.first(
        threshold=threshold,
        root_keys=[key.public for key in root_keys],
        dir_threshold=threshold,
        dir_keys=[key.public for key in dir_keys],
        command_keys=[desk_key.public, *(key.public for key in dir_keys)],
        expires=now + ROOT_SECONDS,
    )
    registrar = PrekeyRing.generate(SlotRole.REGISTRAR, now)
    rings = {role_id: PrekeyRing.generate(SlotRole.CONTENT, now) for role_id in plan.roles}
    roles = {
        role_id: Role(p.name, p.agency, *rings[role_id].published(now)) for role_id, p in plan.roles.items()
    }
    roles["registrar"] = Role("Registrar", "centre", *registrar.published(now))
    desk = DeskEntry(random_bytes(16), plan.desk_name, desk_key.public)
    directory = Directory(
        v=1,
        centre_id=root.centre_id,
        prev_hash=bytes(32),
        root_v=root.v,
        issued=now,
        expires=now + DIRECTORY_SECONDS,
        min_suite=SUITE,
        roles=roles,
        enrol_keys=(desk_key.public,),
        policy=plan.policy,
        desks=(desk, *(holder_entry(key) for key in keys)),
        devices_revoked=(),
        relay=Relay(plan.relay, plan.pin),
        phones=plan.phones,
    )
    blob = make_blob([sign_root(root, root_keys)], sign_directory(directory, root, dir_keys))
    trust = TrustedState.pin(root.centre_id, blob)
    identity = _identity(plan, desk, desk_key, root.centre_id, now)
    role_keys = [RoleKeys(role_id, ring) for role_id, ring in {**rings, "registrar": registrar}.items()]
    records: tuple[DeskRecord, ...] = (identity, Published(trust), *role_keys)
    return Founding(records, root.centre_id, desk_key.public, keys)


def holder_entry(keys: HolderKeys) -> DeskEntry:
    """Return how devices know a key holder, whose directory key is a command key too: the second one of every wipe."""
    public = keys.directory.public
    return DeskEntry(blake(b"fsd1 holder", public, n=16), keys.label, public)


def _identity(plan: CentrePlan, desk: DeskEntry, key: SigningKey, centre_id: bytes, now: int) -> DeskIdentity:
    prekey = BoxKeyPair.generate()
    certificate = Certificate(
        kind=SenderKind.DESK,
        centre_id=centre_id,
        device_id=desk.id,
        sign_pk=key.public,
        first_prekey=prekey.public,
        not_before=now,
        agency="centre",
        roles=("registrar", *plan.roles),
    )
    return DeskIdentity(
        centre_name=plan.name,
        desk_id=desk.id,
        desk_name=desk.name,
        signing=key,
        prekey_secret=prekey.secret,
        certificate=certificate.sign(key),
        box=random_bytes(16).hex(),
    )

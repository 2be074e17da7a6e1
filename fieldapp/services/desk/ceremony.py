"""How a centre begins: root, directory and role keys, made once, in memory (security: section 4).

Root and directory keys go into a vault of their own, on a removable medium where there is one, with a passphrase of
seven random words that is shown once. What stays on the desk cannot change the directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from fieldapp.domain.ids import Clock
from fieldapp.errors import FieldappError
from fieldapp.services import passphrases
from fieldapp.services.desk.records import DeskIdentity, DeskRecord, Published, RoleKeys
from fieldapp.vault import KdfParameters, NoKeystore, create
from sync import canonical
from sync.certificate import Certificate
from sync.directory import DeskEntry, Directory, Phone, Policy, Relay, Role, sign_directory
from sync.keys import PrekeyRing, SlotRole
from sync.primitives import BoxKeyPair, SigningKey, random_bytes
from sync.protocol import DAY, PREKEY_WEEKS_AHEAD, SUITE, WEEK, SenderKind
from sync.root import Root, sign_root
from sync.trust import TrustedState, make_blob

KEY_WORDS: Final = 7
KEY_RECORD_KIND: Final = 1
"""The one record of a key vault: {directory: seed, root: seed}."""
ROOT_YEARS: Final = 10
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
    """What the creator of a centre must write down now: it is shown once and stored nowhere.

    `desk_key` (32 bytes) and `centre_id` (16) go to the operator of the relay. `removable` is False when the root and
    directory keys lie in the desk's own folder: whoever takes this computer then has them, behind seven words.
    """

    key_directory: Path
    passphrase: str = field(repr=False)
    removable: bool
    centre_id: bytes
    desk_key: bytes


@dataclass(frozen=True, slots=True)
class Founding:
    """A centre as it begins: the desk's first records, and the seeds that leave for the key vault."""

    records: tuple[DeskRecord, ...]
    centre_id: bytes
    desk_key: bytes
    root_seed: bytes = field(repr=False)
    directory_seed: bytes = field(repr=False)


def found(plan: CentrePlan, now: int) -> Founding:
    """Make all keys, root 1 and directory 1. ValueError or DirectoryRejected for a plan that cannot be."""
    root_key, dir_key, desk_key = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
    root = Root.first(
        threshold=1,
        root_keys=[root_key.public],
        dir_threshold=1,
        dir_keys=[dir_key.public],
        command_keys=[desk_key.public],
        expires=now + ROOT_YEARS * 365 * DAY,
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
        desks=(desk,),
        devices_revoked=(),
        relay=Relay(plan.relay, plan.pin),
        phones=plan.phones,
    )
    blob = make_blob([sign_root(root, [root_key])], sign_directory(directory, root, [dir_key]))
    trust = TrustedState.pin(root.centre_id, blob)
    identity = _identity(plan, desk, desk_key, root.centre_id, now)
    keys = [RoleKeys(role_id, ring) for role_id, ring in {**rings, "registrar": registrar}.items()]
    records: tuple[DeskRecord, ...] = (identity, Published(trust), *keys)
    return Founding(records, root.centre_id, desk_key.public, root_key.seed, dir_key.seed)


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


class KeyFolderUnusable(FieldappError):
    """The folder for the root keys is not there, or nothing can be written into it; nothing was made."""

    def diagnostics(self) -> str:
        """Say what to do."""
        return "Nothing can be written into the folder for the root keys. Put the medium in, or choose another one."


def key_folder(typed: str) -> Path | None:
    """Return the folder that was typed for the root keys, None for an empty one. Touches the disk.

    KeyFolderUnusable when it is not there: a mistyped one must not be made, for then the keys would lie on this
    computer and not on the medium. Or when nothing can be written into it.
    """
    if not typed.strip():
        return None
    try:
        folder = Path(typed.strip()).expanduser()
        if not folder.is_absolute():
            raise KeyFolderUnusable("relative")
        with TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError, ValueError):
        raise KeyFolderUnusable("cannot be written") from None


def store_keys(directory: Path, founding: Founding, parameters: KdfParameters, clock: Clock) -> str:
    """Write root and directory keys into a vault of their own; returns its passphrase. Slow; VaultExists, StorageFailed.

    There is no keystore on a removable medium: the seven words (90 bits) alone protect it.
    """
    passphrase = passphrases.suggest("en", KEY_WORDS)
    vault = create(directory, passphrase, NoKeystore(), parameters, now=clock.now())
    seeds = canonical.dumps(
        {"directory": founding.directory_seed.hex(), "root": founding.root_seed.hex(), "v": 1}
    )
    try:
        with vault.transaction(clock.now()) as tx:
            tx.put(founding.centre_id, KEY_RECORD_KIND, seeds)
    finally:
        vault.lock()
    return passphrase

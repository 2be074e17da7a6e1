"""What would change if a proposal were published, piece by piece, for people to read before they sign.

Everything that a directory or a root can say is compared, so whoever signs has seen all of it: a test changes every
field of both and looks for it here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from sync.directory import DeskEntry, Directory, Phone, Policy, Relay, Revocation
from sync.keys import Prekey
from sync.root import Root
from sync.signing import Proposal

T = TypeVar("T")


class What(StrEnum):
    """What changes: words that come and go, or (from PREKEYS_UNTIL on) a number before and after."""

    ROOT_KEYS = "root_keys"
    DIRECTORY_KEYS = "directory_keys"
    COMMAND_KEYS = "command_keys"
    ROLES = "roles"
    DESKS = "desks"
    ENROL_KEYS = "enrol_keys"
    DEVICES_REVOKED = "devices_revoked"
    DEVICES_SUSPENDED = "devices_suspended"
    POLICY = "policy"
    PIN_MODELS = "pin_models"
    RELAY = "relay"
    PHONES = "phones"
    PREKEYS_RENEWED = "prekeys_renewed"
    """The roles whose prekeys are not the same as before in any way."""
    PREKEYS_REPLACED = "prekeys_replaced"
    """Prekeys that were published already for weeks to come are replaced: as when somebody has left."""

    PREKEYS_UNTIL = "prekeys_until"
    ROOT_THRESHOLD = "root_threshold"
    DIRECTORY_THRESHOLD = "directory_threshold"
    ROOT_EXPIRES = "root_expires"
    EXPIRES = "expires"
    ISSUED = "issued"
    MIN_SUITE = "min_suite"
    SHARDS = "shards"


TIMES: Final = frozenset({What.PREKEYS_UNTIL, What.ROOT_EXPIRES, What.EXPIRES, What.ISSUED})
"""Numbers that are seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changes: words that come and go, or a number."""

    what: What
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    before: int = 0
    after: int = 0


def key_label(key: bytes) -> str:
    """Return how people call a key: 64 bits of it in four groups, too many to be met by trying."""
    text = key[:8].hex()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def changes(proposal: Proposal) -> tuple[Change, ...]:
    """Return everything that a proposal changes, and in any case when it was made."""
    old, new = proposal.present.directory, proposal.directory
    found = (
        Change(What.ISSUED, before=old.issued, after=new.issued),
        *_roots(proposal.present.root, proposal.next_root),
        *_directories(old, new),
        *_prekeys(old, new),
    )
    return tuple(change for change in found if change.what is What.ISSUED or _is_one(change))


def _is_one(change: Change) -> bool:
    return bool(change.added or change.removed) or change.before != change.after


def prekeys_until(directory: Directory) -> int:
    """Return when the first role of a directory runs out of weekly prekeys, seconds; 0 when one has none."""
    return min(max((p.naf for p in role.prekeys), default=0) for role in directory.roles.values())


def _roots(old: Root, new: Root) -> Iterator[Change]:
    yield _words(What.ROOT_KEYS, old.root_keys, new.root_keys, key_label)
    yield Change(What.ROOT_THRESHOLD, before=old.threshold, after=new.threshold)
    yield _words(What.DIRECTORY_KEYS, old.dir_keys, new.dir_keys, key_label)
    yield Change(What.DIRECTORY_THRESHOLD, before=old.dir_threshold, after=new.dir_threshold)
    yield _words(What.COMMAND_KEYS, old.command_keys, new.command_keys, key_label)
    yield Change(What.ROOT_EXPIRES, before=old.expires, after=new.expires)


def _directories(old: Directory, new: Directory) -> Iterator[Change]:
    yield _words(What.ROLES, _roles(old), _roles(new), str)
    yield _words(What.DESKS, old.desks, new.desks, _desk)
    yield _words(What.ENROL_KEYS, old.enrol_keys, new.enrol_keys, key_label)
    yield _words(What.DEVICES_REVOKED, old.devices_revoked, new.devices_revoked, _revocation)
    yield _words(What.DEVICES_SUSPENDED, old.devices_suspended, new.devices_suspended, _device)
    yield _words(What.POLICY, _policy(old.policy), _policy(new.policy), str)
    yield _words(What.PIN_MODELS, old.policy.pin_models, new.policy.pin_models, str)
    yield _words(What.RELAY, [old.relay], [new.relay], _relay)
    yield _words(What.PHONES, old.phones, new.phones, _phone)
    yield Change(What.MIN_SUITE, before=old.min_suite, after=new.min_suite)
    yield Change(What.SHARDS, before=old.shards, after=new.shards)
    yield Change(What.EXPIRES, before=old.expires, after=new.expires)


def _prekeys(old: Directory, new: Directory) -> Iterator[Change]:
    yield Change(What.PREKEYS_UNTIL, before=prekeys_until(old), after=prekeys_until(new))
    common = [(old.roles[role_id], role) for role_id, role in new.roles.items() if role_id in old.roles]
    renewed = (n.name for o, n in common if (o.prekeys, o.last_resort) != (n.prekeys, n.last_resort))
    yield Change(What.PREKEYS_RENEWED, added=tuple(sorted(renewed)))
    replaced = (n.name for o, n in common if _replaced(o.prekeys, n.prekeys))
    yield Change(What.PREKEYS_REPLACED, added=tuple(sorted(replaced)))


def _replaced(old: Iterable[Prekey], new: Iterable[Prekey]) -> bool:
    """Tell whether a week that was published has another key, or none although the plan goes on after it."""
    weeks = {prekey.week: prekey for prekey in new}
    first = min(weeks, default=0)
    return any(prekey.week >= first and weeks.get(prekey.week) != prekey for prekey in old)


def _words(what: What, old: Iterable[T], new: Iterable[T], name: Callable[[T], str]) -> Change:
    before, after = {name(item) for item in old}, {name(item) for item in new}
    return Change(what, tuple(sorted(after - before)), tuple(sorted(before - after)))


def _roles(directory: Directory) -> list[str]:
    return [f"{role.name} ({role_id}, {role.agency})" for role_id, role in directory.roles.items()]


def _desk(desk: DeskEntry) -> str:
    return f"{desk.name} ({desk.id.hex()[:8]}), {key_label(desk.sign_pk)}"


def _device(device_id: bytes) -> str:
    return device_id.hex()[:16]


def _revocation(revoked: Revocation) -> str:
    return f"{_device(revoked.id)} / {revoked.from_seq}"


def _policy(policy: Policy) -> list[str]:
    numbers = {
        "keep": policy.keep,
        "keep_days": policy.keep_days,
        "opened_by": policy.opened_by,
        "token_batch": policy.token_batch,
        "wipe_after": policy.wipe_after,
    }
    return [
        *(f"{name} = {value}" for name, value in numbers.items()),
        *(f"{answer}: {', '.join(roles) or '-'}" for answer, roles in policy.intake.items()),
    ]


def _relay(relay: Relay) -> str:
    return f"{relay.url} {relay.pin}".strip()


def _phone(phone: Phone) -> str:
    hours = "; ".join(f"{h.day}: {h.start}-{h.end}" for h in phone.hours)
    return f"{phone.label}: {phone.number} ({phone.kind})" + (f" [{hours}]" if hours else "")

"""What the centre has ordered for this device: its policy, orders to wipe, and what could not be read.

One vault record (kind DOWNSTREAM). Pure: statements in, the next state out; the book commits it with the cursor of the
shard. A version that is not higher than the one in force changes nothing, so an old message that a relay replays, or
a desk that was put back to an older state, undoes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sync import canonical
from sync.canonical import Value
from sync.directory import Policy
from sync.downstream import WIPE_LIFETIME, DevicePolicy, WipeOrder
from sync.fields import Fields, hex_list

REMEMBERED: Final = 512
"""Envelopes whose effect must not happen twice, by hash: more than a relay keeps for one device in 45 days."""
MAX_PENDING: Final = 8
"""Orders to wipe that wait for their second signature."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order to wipe, and the command keys (32 bytes each) that have signed it."""

    order: WipeOrder
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """The state of all orders. `odd`: how many messages of the centre this program could not read, to be shown."""

    policy: DevicePolicy | None = None
    pending: tuple[SignedOrder, ...] = ()
    odd: int = 0
    handled: tuple[bytes, ...] = field(default=(), repr=False)

    def with_policies(self, policies: Sequence[DevicePolicy]) -> "Orders":
        """Return the state after these policies: the highest version is in force."""
        newest = max(policies, key=lambda policy: policy.version, default=None)
        if newest is None or (self.policy and newest.version <= self.policy.version):
            return self
        return replace(self, policy=newest)

    def with_wipes(
        self,
        signed: Sequence[tuple[WipeOrder, bytes]],
        *,
        device_id: bytes,
        command_keys: Sequence[bytes],
        now: int,
    ) -> "Orders":
        """Return the state after orders with the keys that signed them; `now` is the latest time that is known.

        An order counts when it names this device, is signed by a command key of the root in force and is neither over
        nor longer than 30 days. Two keys must sign exactly the same body: other bodies are other orders.
        """
        pending = {held.order: held.keys for held in self.pending}
        for order, key in signed:
            fits = order.device_id == device_id and key in command_keys
            if fits and now <= order.expiry <= now + WIPE_LIFETIME and key not in pending.get(order, ()):
                pending[order] = (*pending.get(order, ()), key)
        live = [SignedOrder(order, keys) for order, keys in pending.items() if order.expiry >= now]
        return replace(self, pending=_with_room(live))

    def wipe_due(self, command_keys: Sequence[bytes], now: int) -> WipeOrder | None:
        """Return the order that two different command keys of the root in force have signed, None when there is none."""
        for held in self.pending:
            if held.order.expiry >= now and len({key for key in held.keys if key in command_keys}) >= 2:
                return held.order
        return None

    def with_handled(self, hashes: Sequence[bytes], odd: int = 0) -> "Orders":
        """Return the state in which these envelopes have had their effect; `odd` more could not be read."""
        if not hashes:
            return self
        return replace(self, handled=(*self.handled, *hashes)[-REMEMBERED:], odd=self.odd + odd)

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON."""
        policies: list[Value] = [self.policy.to_value()] if self.policy else []
        pending: list[Value] = [
            {"keys": hex_list(held.keys), "order": held.order.to_value()} for held in self.pending
        ]
        return canonical.dumps(
            {
                "handled": hex_list(self.handled),
                "odd": self.odd,
                "pending": pending,
                "policy": policies,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Orders":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        policies = [DevicePolicy.from_fields(row) for row in fields.objects("policy", 1)]
        return cls(
            policy=policies[0] if policies else None,
            pending=tuple(
                SignedOrder(WipeOrder.from_fields(row.object("order")), row.binaries("keys", 32))
                for row in fields.objects("pending", MAX_PENDING)
            ),
            odd=fields.number("odd"),
            handled=fields.binaries("handled", 32),
        )


def _with_room(held: list[SignedOrder]) -> tuple[SignedOrder, ...]:
    """Return at most MAX_PENDING orders: of those with one signature, the key that gave most loses its oldest first.

    So a key that gives orders without end pushes out neither what two have signed nor what another one has.
    """
    kept = list(held)
    while len(kept) > MAX_PENDING:
        single = [one for one in kept if len(one.keys) == 1] or kept
        given = Counter(one.keys[0] for one in single)
        most = max(given.values())
        kept.remove(next(one for one in single if given[one.keys[0]] == most))
    return tuple(kept)


def in_force(general: Policy, special: DevicePolicy | None) -> Policy:
    """Return the policy that holds on a device: the directory's, with what was ordered for this device.

    A desk alone can never lower the number of desks that must have opened a record before it is erased here: that is
    what the directory's signatures stand for.
    """
    if special is None:
        return general
    return replace(
        general,
        keep=special.keep,
        keep_days=special.keep_days,
        opened_by=max(general.opened_by, special.opened_by),
    )

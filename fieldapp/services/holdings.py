"""What an unlocked device holds, as everybody may ask for it: records, what is on its way, who it is at the centre.

Only `services.filing` and what builds on it change any of it, on the storage thread and after the commit. The maps are
replaced, never changed in place, so that the event loop always reads a whole one.
"""

from fieldapp.domain.ids import Clock
from fieldapp.services import ageing
from fieldapp.services.contents import Contents, Damaged, Entries
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.kinds import Kind
from fieldapp.services.mail import Letter
from fieldapp.services.membership import Membership, Standing, standing_in
from fieldapp.services.orders import Orders, in_force
from fieldapp.services.sealing import STATES
from fieldapp.services.settings import Settings
from fieldapp.vault.outbox_file import OutboxEntry
from fieldapp.vault.vault import Vault
from sync.canonical import loads_object
from sync.directory import Policy
from sync.errors import SyncError
from sync.outbox import OutboxMeta, OutboxState
from sync.trust import TrustedState


class Holdings:
    """Everything that was read at unlocking, kept up to date."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        """Begin empty."""
        self.clock = clock
        self.put_back = False
        """Whether the records are older than they were once: nothing is written until the device enrols anew."""
        self.keys_put_back = False
        """Whether the header is older than it was, and the records are not: an older passphrase may open it again."""
        self._vault = vault
        self._take(Contents())

    def _take(self, contents: Contents) -> None:
        self.settings: Settings = contents.settings
        self.membership: Membership | None = contents.membership
        self.trust: TrustedState | None = contents.trust
        self.damaged: list[Damaged] = contents.damaged
        self.outbox_readable = contents.outbox_readable
        """Whether the sealed outbox opened; if not, nothing can be sealed or sent, and records stay here."""
        self._tokens: tuple[bytes, ...] = contents.tokens
        self._filed: dict[bytes, Filed] = contents.filed
        self._entries: Entries = contents.entries
        self.letters: dict[bytes, Letter] = contents.letters
        """Messages of the centre, by id."""
        self.orders: Orders = contents.orders

    @property
    def standing(self) -> Standing:
        """How this device stands with a centre, as far as it has heard."""
        if self.put_back:
            return Standing.PUT_BACK
        if self.membership is None or self.trust is None:
            return Standing.LOCAL
        return standing_in(self.trust.directory, self.membership.device_id)

    @property
    def is_second(self) -> bool:
        """Whether this is the notebook of a second passphrase; False once it is closed. No screen may show it."""
        return not self._vault.is_locked and self._vault.is_second

    @property
    def is_bound(self) -> bool:
        """Whether the key store of this device guards a secret for this notebook; False once it is closed."""
        return not self._vault.is_locked and self._vault.is_bound

    @property
    def policy(self) -> Policy | None:
        """The centre's rules that hold on this device now; None before enrolment."""
        return in_force(self.trust.directory.policy, self.orders.policy) if self.trust else None

    @property
    def centre_now(self) -> int:
        """The latest time that is known, in seconds: this device's clock, or what the centre has shown since."""
        issued = self.trust.directory.issued if self.trust else 0
        return max(self.clock.now(), issued, self.membership.centre_time if self.membership else 0)

    @property
    def filed(self) -> tuple[Filed, ...]:
        """All finished records, the newest first."""
        return tuple(sorted(self._filed.values(), key=lambda record: record.at, reverse=True))

    def record(self, record_id: bytes) -> Filed | None:
        """Return one finished record."""
        return self._filed.get(record_id)

    @property
    def on_the_way(self) -> tuple[tuple[OutboxEntry, OutboxMeta], ...]:
        """What is in the sealed outbox, in the order of its seq."""
        return tuple(sorted(self._entries.values(), key=lambda pair: pair[1].seq))

    @property
    def tokens_left(self) -> int:
        """How many envelopes can still be sealed before the centre sends new drop tokens."""
        return len(self._tokens)

    def stage(self, record: Filed) -> Stage:
        """Tell how far a record has come by now: as far as its slowest part."""
        record = self._filed.get(record.record_id, record)
        if not record.sealed:
            return Stage.KEPT if record.keep_until else Stage.LOCAL
        if record.opened_at:
            return Stage.OPENED
        states = {meta.env_hash: meta.state for _, meta in self._entries.values()}
        # A part that nobody opened and that is not on its way was lost with a damaged outbox: sealed is all it is.
        steps = [
            STATES.index(OutboxState.OPENED if part.opened else states.get(part.env_hash, OutboxState.SEALED))
            for part in record.own_parts
        ]
        # A record counts as opened only with all its files; until then it is with the centre.
        most = Stage.RECEIVED if record.attachments else Stage.OPENED
        return Stage(min(int(Stage.SEALED) + min(steps), int(most)))

    def last_reason(self, record: Filed) -> str:
        """Why the last attempt to send a part of this record failed (a word of RelayRefused), or ""."""
        metas = (meta for entry_, meta in self._entries.values() if entry_.record_id == record.record_id)
        return next((meta.last_reason for meta in metas if meta.last_reason), "")

    def stored(self, kind: Kind) -> dict[bytes, dict[str, object]]:
        """Return the plain dictionaries of one kind by record id, for services that keep their own models."""
        found: dict[bytes, dict[str, object]] = {}
        for record in self._vault.records(kind):
            try:
                found[record.record_id] = dict(loads_object(record.payload))
            except SyncError:
                self.damaged.append(Damaged(kind))
        return found

    # --- For those who write ---------------------------------------------------------------------------

    def _on_the_way(self) -> frozenset[bytes]:
        return frozenset(meta.env_hash for _, meta in self._entries.values())

    def _waits(self, record: Filed, on_the_way: frozenset[bytes]) -> bool:
        if record.keep_until is not None or record.content is None:
            return False
        if not record.sealed or self._is_lost(record, on_the_way):
            return True
        return ageing.sealed_too_long(record, self.clock.now())

    def _is_lost(self, record: Filed, on_the_way: frozenset[bytes]) -> bool:
        """Tell whether a part that nobody has opened is not on its way either: its cells were damaged."""
        if not self.outbox_readable or record.opened_at:
            return False
        return any(not part.opened and part.env_hash not in on_the_way for part in record.own_parts)

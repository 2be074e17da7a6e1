"""The receiver's order, one check at a time, without any storage."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from sync import envelope as envelope_module
from sync.certificate import Certificate
from sync.chain import ChainLedger, ChainOutcome
from sync.directory import Directory
from sync.envelope import Header, Sealed, reopen, seal
from sync.errors import EnvelopeRejected
from sync.intake import Accepted, Counted, Duplicate, Intake, Lookups, Quarantined, Result
from sync.keys import LivePrekey, SlotRole, choose_prekey, week_of
from sync.primitives import TAG_SIZE, BoxKeyPair, SigningKey, aead_seal
from sync.protocol import BODY_OFFSET, OUTER_SIZE, SIGNED_REASONS, WEEK, MsgType, Reason, SenderKind
from tests.unit.sync.made_up import BODY, NOW, Centre, header, make_centre

DEVICE = b"MADE-UP-DEVICE-1"
DIR_HASH = b"\xd1" * 32


@dataclass
class Setting:
    centre: Centre = field(default_factory=make_centre)
    sender: SigningKey = field(default_factory=SigningKey.generate)
    ledger: ChainLedger = field(default_factory=ChainLedger)
    revoked_from: int | None = None
    roles: tuple[str, ...] = ("registrar", "police", "welfare")
    certified_for: bytes | None = None
    likely_weeks: int = 1

    @property
    def certificate(self) -> Certificate:
        centre_id = self.certified_for or self.centre.root.centre_id
        return Certificate(
            SenderKind.DEVICE, centre_id, DEVICE, self.sender.public, b"\x4e" * 32, NOW, "", ()
        )

    @property
    def directory(self) -> Directory:
        return self.centre.directory

    def live(self, weeks: int = 99) -> list[LivePrekey]:
        rings = [self.centre.rings[role] for role in self.roles]
        return [prekey for ring in rings for prekey in ring.live()[:weeks]]

    def seal(
        self, *, at: int = NOW, key: SigningKey | None = None, body: bytes = BODY, **changes: Any
    ) -> Sealed:
        pks = [choose_prekey(self.directory.roles[role], at).pk for role in ("police", "welfare")]
        changes = {
            "sender_id": DEVICE,
            "centre_id": self.centre.root.centre_id,
            "dir_hash": DIR_HASH,
            "week": week_of(at),
        } | changes
        made: Header = header(**changes)
        registrar = choose_prekey(self.directory.registrar, at).pk
        return seal(made, body, registrar=registrar, recipients=pks, key=key or self.sender)

    def receive(self, data: bytes, validate: Callable[..., None] = lambda _header, _body: None) -> Result:
        known = {DEVICE: self.certificate}
        lookups = Lookups(
            certificate=known.get,
            ledger=lambda _sender: self.ledger,
            revoked_from=lambda _sender: self.revoked_from,
            directory=lambda v, h: self.directory if (v, h) == (1, DIR_HASH) else None,
        )
        intake = Intake(
            self.centre.root.centre_id, self.live(), self.live(self.likely_weeks), lookups, validate
        )
        return intake.receive(data)


def test_a_good_envelope_is_accepted_and_then_a_duplicate() -> None:
    setting = Setting()
    sealed = setting.seal()
    result = setting.receive(sealed.envelope)
    assert isinstance(result, Accepted)
    assert result.body == {"note": "obviously made up"}
    assert result.verdict.outcome is ChainOutcome.IN_ORDER
    setting.ledger.record(1, sealed.hash, bytes(32))
    assert isinstance(setting.receive(sealed.envelope), Duplicate)


def test_a_device_whose_clock_runs_ahead_is_read_with_the_prekeys_of_that_week() -> None:
    setting = Setting()
    assert isinstance(setting.receive(setting.seal(at=NOW + 20 * WEEK).envelope), Accepted)


def test_a_desk_that_holds_only_some_roles_reads_what_is_for_it() -> None:
    assert isinstance((s := Setting(roles=("registrar", "welfare"))).receive(s.seal().envelope), Accepted)
    headless = Setting(roles=("registrar",))
    result = headless.receive(headless.seal().envelope)
    assert isinstance(result, Quarantined)
    assert result.reason is Reason.NO_BODY_KEY
    assert result.verdict is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"centre_id": bytes(16)}, Reason.FOREIGN_CENTRE),
        ({"sender_id": bytes(16)}, Reason.UNKNOWN_SENDER),
        ({"msg_type": MsgType.RECEIPT}, Reason.TYPE_NOT_ALLOWED),
        ({"key": SigningKey.generate()}, Reason.SIGNATURE),
    ],
)
def test_what_nobody_known_vouches_for_is_only_counted(changes: dict[str, Any], reason: Reason) -> None:
    setting = Setting()
    assert setting.receive(setting.seal(**changes).envelope) == Counted(reason)
    assert reason not in SIGNED_REASONS


def test_the_certificate_of_another_centre_vouches_for_nothing() -> None:
    setting = Setting(certified_for=b"ANOTHER-CENTRE-1")
    assert setting.receive(setting.seal().envelope) == Counted(Reason.UNKNOWN_SENDER)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"body": b"not json"}, Reason.BODY_FORM),
        ({"dir_hash": bytes(32)}, Reason.RECIPIENTS),
        ({"dir_version": 2}, Reason.RECIPIENTS),
        ({"flags": 1}, Reason.RECIPIENTS),
        ({"week": week_of(NOW) + 1}, Reason.RECIPIENTS),
    ],
)
def test_what_a_known_sender_signed_wrongly_is_quarantined_in_its_chain(
    changes: dict[str, Any], reason: Reason
) -> None:
    setting = Setting()
    result = setting.receive(setting.seal(**changes).envelope)
    assert isinstance(result, Quarantined)
    assert (result.reason, result.sender) == (reason, setting.certificate)
    assert result.verdict is not None


def test_from_its_revocation_on_a_device_is_quarantined_and_not_before() -> None:
    setting = Setting(revoked_from=2)
    assert isinstance(setting.receive(setting.seal(seq=1).envelope), Accepted)
    result = setting.receive(setting.seal(seq=2, prev_hash=b"\x01" * 32).envelope)
    assert isinstance(result, Quarantined)
    assert (result.reason, result.verdict) == (Reason.REVOKED, None)


def test_a_fork_is_quarantined_and_a_gap_is_not() -> None:
    setting = Setting()
    setting.ledger.record(1, b"\x01" * 32, bytes(32))
    late = setting.receive(setting.seal(seq=3, prev_hash=b"\x02" * 32).envelope)
    assert isinstance(late, Accepted)
    assert late.verdict.outcome is ChainOutcome.GAP
    fork = setting.receive(setting.seal(seq=1).envelope)
    assert isinstance(fork, Quarantined)
    assert fork.reason is Reason.FORK


def test_a_body_that_is_not_in_its_schema_is_quarantined() -> None:
    def refuse(_header: Header, _body: object) -> None:
        raise EnvelopeRejected(Reason.SCHEMA)

    setting = Setting()
    result = setting.receive(setting.seal().envelope, refuse)
    assert isinstance(result, Quarantined)
    assert result.reason is Reason.SCHEMA


def test_a_role_that_is_named_and_gets_a_false_slot_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    welfare = choose_prekey(setting.directory.roles["welfare"], NOW).pk
    honest = envelope_module._slots

    def cheat(registrar: bytes, content: list[bytes], k_h: bytes, k_b: bytes) -> bytes:
        stranger = BoxKeyPair.generate().public
        return honest(registrar, [stranger if pk == welfare else pk for pk in content], k_h, k_b)

    monkeypatch.setattr(envelope_module, "_slots", cheat)
    sealed = setting.seal()
    result = setting.receive(sealed.envelope)
    assert isinstance(result, Quarantined)
    assert result.reason is Reason.RECIPIENTS


def test_a_header_without_the_registrar_is_an_alarm() -> None:
    setting = Setting()
    pks = [choose_prekey(setting.directory.roles[role], NOW).pk for role in ("police", "welfare")]
    centre_id = setting.centre.root.centre_id
    made = header(sender_id=DEVICE, centre_id=centre_id, dir_hash=DIR_HASH, week=week_of(NOW))
    sealed = seal(made, BODY, registrar=BoxKeyPair.generate().public, recipients=pks, key=setting.sender)
    result = setting.receive(sealed.envelope)
    assert isinstance(result, Quarantined)
    assert result.reason is Reason.RECIPIENTS


def test_every_cut_and_every_flip_of_an_envelope_is_counted_or_quarantined() -> None:
    setting = Setting(roles=("registrar", "welfare"))
    data = setting.seal().envelope
    for position in (*range(140), *range(140, len(data), 211)):
        flipped = data[:position] + bytes((data[position] ^ 4,)) + data[position + 1 :]
        assert not isinstance(setting.receive(flipped), Accepted | Duplicate), position
    for cut in range(0, len(data), 97):
        assert setting.receive(data[:cut]) == Counted(Reason.LENGTH)


def test_a_kept_envelope_reopens_with_its_own_keys_and_with_no_others() -> None:
    setting = Setting()
    sealed = setting.seal()
    result = setting.receive(sealed.envelope)
    assert isinstance(result, Accepted)
    again = reopen(sealed.envelope, result.opened.k_h, result.opened.k_b)
    assert replace(again, opened=result.opened.opened) == result.opened
    with pytest.raises(EnvelopeRejected):
        reopen(sealed.envelope, SlotRole.CONTENT.value.encode().ljust(32), result.opened.k_b)


def test_a_reader_cannot_exchange_the_body_that_the_sender_signed() -> None:
    """Whoever may read holds the body key and could encrypt another text under it, and the same header."""
    setting = Setting()
    data = setting.seal().envelope
    result = setting.receive(data)
    assert isinstance(result, Accepted)
    assert result.opened.k_b
    nonce = data[envelope_module.NONCE_B_OFFSET : envelope_module.HCOMMIT_OFFSET]
    room = len(data) - BODY_OFFSET - TAG_SIZE - 4
    padded = len(b"{}").to_bytes(4, "little") + b"{}".ljust(room, b"\0")
    exchanged = data[:BODY_OFFSET] + aead_seal(result.opened.k_b, nonce, padded, data[:OUTER_SIZE])
    forged = setting.receive(exchanged)
    assert isinstance(forged, Quarantined)
    assert (forged.reason, forged.verdict) == (Reason.BODY_HASH, None)

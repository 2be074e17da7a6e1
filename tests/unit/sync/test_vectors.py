"""The frozen vectors: what the first release writes must open in the last one. Never change these files."""

import json
from pathlib import Path
from typing import Any

import pytest

from sync.certificate import verify_certificate
from sync.chain import ChainLedger, ChainOutcome
from sync.code import EnrolmentCode
from sync.comparison import What, changes
from sync.directory import directory_hash
from sync.enrolment import digits, enrol_id, open_answer, open_hello
from sync.envelope import (
    Reader,
    open_body,
    verify_body_hash,
    verify_recipients,
    verify_signature,
)
from sync.keys import LivePrekey, SlotRole
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import SenderKind
from sync.receipts import opened_proof, received_proof
from sync.signing import read_card, read_request, write_card
from sync.trust import TrustedState
from tests.vectors.generate_envelopes import SEED, Source, generate

VECTORS = Path(__file__).parents[2] / "vectors"


def facts(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def blob(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def trusted() -> TrustedState:
    return TrustedState.pin(
        bytes.fromhex(facts("directory/keys.json")["centre_id"]), blob("directory/blob.bin")
    )


@pytest.mark.parametrize("size_class", [1, 2, 3])
def test_a_frozen_envelope_opens_for_all_its_readers(size_class: int) -> None:
    known = facts(f"envelope/class{size_class}.json")
    envelope = blob(f"envelope/class{size_class}.bin")
    registrar = BoxKeyPair.from_secret(bytes.fromhex(known["registrar_secret"]))
    content = [BoxKeyPair.from_secret(bytes.fromhex(secret)) for secret in known["content_secrets"]]
    sender = SigningKey.from_seed(bytes.fromhex(known["signing_seed"]))
    for pair in content:
        opened = Reader([LivePrekey(SlotRole.CONTENT, pair)]).open_header(envelope)
        verify_signature(opened, sender.public)
        verify_body_hash(opened)
        assert open_body(opened).hex() == known["body"]
        verify_recipients(opened, registrar.public, [p.public for p in content])
        assert opened.k_b is not None
        assert opened.hash.hex() == known["chain_hash"]
        assert received_proof(opened.k_h, opened.hash).hex() == known["received_proof"]
        assert opened_proof(opened.k_b, opened.hash).hex() == known["opened_proof"]
    header = Reader([LivePrekey(SlotRole.REGISTRAR, registrar)]).open_header(envelope).header
    for name, value in known["header"].items():
        seen = getattr(header, name)
        assert (seen.hex() if isinstance(seen, bytes) else seen) == value


def test_the_frozen_envelopes_are_one_chain() -> None:
    ledger = ChainLedger()
    for size_class in (1, 2, 3):
        known = facts(f"envelope/class{size_class}.json")
        verdict = ledger.record(
            size_class, bytes.fromhex(known["chain_hash"]), bytes.fromhex(known["header"]["prev_hash"])
        )
        assert verdict.outcome is ChainOutcome.IN_ORDER


def test_the_frozen_directory_is_trusted_after_its_root_rotation() -> None:
    known, state = facts("directory/keys.json"), trusted()
    assert [root.v for root in state.roots] == [1, 2]
    assert (state.root.threshold, state.root.dir_threshold) == (2, 2)
    assert state.dir_hash.hex() == known["dir_hash"]
    assert state.directory.policy.intake_roles(["police"]) == ("intake_welfare",)
    assert state.directory.revoked_from(b"MADE-UP-DEVICE-9") == 12
    for role_id, secrets in known["prekey_secrets"].items():
        role = state.directory.roles[role_id]
        published = [prekey.pk for prekey in (*role.prekeys, role.last_resort)]
        assert published == [BoxKeyPair.from_secret(bytes.fromhex(secret)).public for secret in secrets]


def test_unknown_fields_of_a_directory_are_covered_by_its_hash() -> None:
    assert directory_hash(trusted().directory.to_bytes()) != trusted().dir_hash


def test_the_frozen_certificate_is_valid() -> None:
    state = trusted()
    certificate = verify_certificate(
        blob("directory/certificate.bin"), state.centre_id, state.directory.enrol_keys
    )
    assert certificate.kind is SenderKind.DEVICE
    assert certificate.device_id == b"MADE-UP-DEVICE-1"


def test_the_frozen_enrolment_opens() -> None:
    known = facts("enrolment/enrolment.json")
    code = EnrolmentCode.parse(known["qr"])
    assert code.centre_id.hex() == known["centre_id"]
    assert code.secret.hex() == known["secret"]
    assert code.relay == "https://relay.example"
    assert code.qr_text() == known["qr"]
    assert enrol_id(code).hex() == known["enrol_id"]
    hello = open_hello(code, blob("enrolment/up.bin"))
    assert hello.sign_pk.hex() == known["hello"]["sign_pk"]
    assert digits(code.centre_id, enrol_id(code), hello.sign_pk, hello.first_prekey) == tuple(known["digits"])
    answer = open_answer(code, hello, blob("enrolment/down.bin"))
    assert [token.hex() for token in answer.drop_tokens] == known["answer"]["drop_tokens"]
    assert answer.dir_hash == trusted().dir_hash
    assert verify_certificate(answer.certificate, code.centre_id, trusted().directory.enrol_keys)


def test_the_frozen_signing_files_are_what_is_written_today() -> None:
    known = facts("signing/signing.json")

    def keys(name: str) -> list[SigningKey]:
        return [SigningKey.from_seed(bytes.fromhex(seed)) for seed in known[name]]

    root_keys, directory_keys, former = keys("root_seeds"), keys("directory_seeds"), keys("former_seeds")
    desk = SigningKey.from_seed(bytes.fromhex(known["desk_seed"]))
    asked = read_request(blob("signing/request.bin"))
    assert asked.asked_by == "Made-up desk"
    assert asked.proposal.present.centre_id.hex() == known["centre_id"]
    assert asked.proposal.request(desk) == blob("signing/request.bin")
    found = {change.what for change in changes(asked.proposal)}
    assert found == {
        What.ISSUED, What.EXPIRES, What.ROOT_KEYS, What.ROOT_THRESHOLD, What.DIRECTORY_KEYS, What.DIRECTORY_THRESHOLD,
        What.ROOT_EXPIRES, What.PREKEYS_UNTIL, What.PREKEYS_RENEWED,
    }  # fmt: skip
    proposal = asked.proposal
    for name, n in (("first", 0), ("third", 2)):
        brought = blob(f"signing/{name}.signatures")
        assert proposal.signed_by(root_keys[n], directory_keys[n]) == brought
        assert not proposal.complete
        proposal = proposal.with_signatures(brought)
    assert proposal.signed_by(former[0], former[1]) == blob("signing/former.signatures")
    proposal = proposal.with_signatures(blob("signing/former.signatures"))
    assert proposal.blob() == blob("signing/published.bin")
    assert write_card("Made-up holder", root_keys[0], directory_keys[0]) == blob("signing/key.card")
    assert read_card(blob("signing/key.card")).root_key == root_keys[0].public


def test_the_generator_still_makes_exactly_these_files(tmp_path: Path) -> None:
    generate(tmp_path, Source(SEED))
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(made) == 19
    for name in made:
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes()

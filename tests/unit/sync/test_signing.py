"""Signing requests: who can sign what, whose signatures count, and what a key holder is shown."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from sync import canonical
from sync.comparison import Change, What, changes, key_label
from sync.directory import DeskEntry, Directory, Phone, Policy, Relay, Revocation
from sync.errors import DirectoryRejected
from sync.keys import PrekeyRing, SlotRole
from sync.primitives import SigningKey
from sync.protocol import (
    DOC_DIRECTORY,
    DOC_KEY_CARD,
    DOC_SIGNING_REQUEST,
    MAX_BODY,
    WEEK,
)
from sync.root import Root
from sync.signed import SignedDocument, parse_one, parse_row
from sync.signing import MAX_REQUEST, Proposal, Quorum, read_card, read_request, write_card
from sync.trust import TrustedState, update
from tests.unit.sync.made_up import NOW, Centre, make_centre


def refused(reason: str, action: Callable[[], object]) -> None:
    with pytest.raises(DirectoryRejected) as caught:
        action()
    assert caught.value.reason == reason


@dataclass
class Holder:
    root: SigningKey
    directory: SigningKey

    def signs(self, proposal: Proposal) -> bytes:
        return proposal.signed_by(self.root, self.directory)


@dataclass
class Made:
    """A centre with its state, its holders, and the key of its desk."""

    centre: Centre
    state: TrustedState
    holders: list[Holder]
    desk_key: SigningKey

    def directory(self, **changed: object) -> Directory:
        values = {"v": 2, "prev_hash": self.state.dir_hash, "issued": NOW + 60, **changed}
        return replace(self.state.directory, **values)  # type: ignore[arg-type]

    def root(self, holders: list[Holder], threshold: int) -> Root:
        return self.state.root.next(
            threshold=threshold,
            root_keys=[h.root.public for h in holders],
            dir_threshold=threshold,
            dir_keys=[h.directory.public for h in holders],
            expires=NOW + 9 * WEEK,
        )

    def rotation(self, holders: list[Holder], threshold: int) -> Proposal:
        return Proposal.of(self.state, self.directory(root_v=2), self.root(holders, threshold))


def holder() -> Holder:
    return Holder(SigningKey.generate(), SigningKey.generate())


def made(keys: int = 3, threshold: int = 2) -> Made:
    centre, desk_key = make_centre(keys, threshold), SigningKey.generate()
    desk = DeskEntry(b"MADE-UP-DESK-001", "Made-up desk", desk_key.public)
    centre.directory = replace(centre.directory, desks=(desk,))
    state = TrustedState.pin(centre.root.centre_id, centre.blob)
    holders = [Holder(*pair) for pair in zip(centre.root_keys, centre.dir_keys, strict=True)]
    return Made(centre, state, holders, desk_key)


# --- Collecting ------------------------------------------------------------------------------------------


def test_two_of_three_sign_one_after_the_other_and_every_reader_takes_it() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    asked = read_request(proposal.request(at.desk_key))
    assert asked.asked_by == "Made-up desk"
    assert asked.proposal == proposal
    first = proposal.with_signatures(at.holders[2].signs(asked.proposal))
    assert [(t.have, t.need) for t in first.tallies] == [(1, 2)]
    refused("threshold", first.blob)
    both = first.with_signatures(at.holders[0].signs(asked.proposal))
    assert both.complete
    assert update(at.state, both.blob()).directory == at.directory()
    assert both.with_signatures(at.holders[1].signs(asked.proposal)).complete


def test_the_same_key_twice_is_one_signer() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    signatures = at.holders[1].signs(proposal)
    for _ in range(3):
        proposal = proposal.with_signatures(signatures)
    assert not proposal.complete
    (document,) = parse_row(signatures)
    twice = replace(document, signatures=document.signatures * 2).to_bytes()
    refused("container", lambda: proposal.with_signatures(twice))


def test_a_request_carries_no_signature_of_a_key_holder() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    signed = proposal.with_signatures(at.holders[0].signs(proposal))
    assert read_request(signed.request(at.desk_key)).proposal.tallies[0].have == 0


def test_signatures_over_another_document_are_refused() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    other = Proposal.of(at.state, at.directory(issued=NOW + 61))
    refused("document", lambda: proposal.with_signatures(at.holders[0].signs(other)))
    rotation = at.rotation([holder() for _ in range(3)], 2)
    refused("document", lambda: proposal.with_signatures(at.holders[0].signs(rotation)))
    (document,) = parse_row(at.holders[0].signs(other))
    moved = replace(document, document=proposal.signed[-1].document).to_bytes()
    refused("signature", lambda: proposal.with_signatures(moved))


def test_a_strange_key_and_a_wrong_index_are_refused() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    refused("signer", lambda: holder().signs(proposal))
    (document,) = parse_row(at.holders[0].signs(proposal))
    for index in (1, 3, 255):
        moved = replace(document, signatures=((index, document.signatures[0][1]),)).to_bytes()
        refused("signature", lambda moved=moved: proposal.with_signatures(moved))


def test_every_flip_and_cut_of_a_signature_file_is_the_domain_error_or_nothing_new() -> None:
    at = made()
    proposal = Proposal.of(at.state, at.directory())
    data = at.holders[0].signs(proposal)
    for i in range(0, len(data), 7):
        broken = bytearray(data)
        broken[i] ^= 1 << i % 8
        with pytest.raises(DirectoryRejected):
            proposal.with_signatures(bytes(broken))
    for length in range(0, len(data), 97):
        with pytest.raises(DirectoryRejected):
            proposal.with_signatures(data[:length])


# --- Rotation --------------------------------------------------------------------------------------------


def test_a_rotation_needs_the_new_the_old_and_the_directory_quorum() -> None:
    at = made()
    new = [holder(), holder(), at.holders[0]]
    proposal = at.rotation(new, 2)
    assert {t.quorum for t in proposal.tallies} == set(Quorum)
    for one in (at.holders[1], at.holders[2]):  # the old quorum alone
        proposal = proposal.with_signatures(one.signs(proposal))
    assert [t.met for t in proposal.tallies] == [False, False, True]
    refused("threshold", proposal.blob)
    proposal = proposal.with_signatures(new[0].signs(proposal))
    refused("threshold", proposal.blob)
    proposal = proposal.with_signatures(new[1].signs(proposal))
    state = update(at.state, proposal.blob())
    assert state.root.v == 2
    assert state.root.root_keys == tuple(h.root.public for h in new)


def test_without_the_old_quorum_no_rotation_is_published() -> None:
    at = made()
    new = [holder() for _ in range(3)]
    proposal = at.rotation(new, 2)
    for one in (*new, at.holders[0]):
        proposal = proposal.with_signatures(one.signs(proposal))
    assert [(t.quorum, t.met) for t in proposal.tallies] == [
        (Quorum.DIRECTORY, True),
        (Quorum.ROOT, True),
        (Quorum.FORMER_ROOT, False),
    ]
    assert not proposal.complete
    refused("threshold", proposal.blob)


def test_a_lost_key_is_replaced_by_the_other_two() -> None:
    at = made()
    new = [at.holders[0], at.holders[1], holder()]
    proposal = at.rotation(new, 2)
    for one in new[:2]:
        proposal = proposal.with_signatures(one.signs(proposal))
    assert update(at.state, proposal.blob()).root.v == 2


def test_a_small_centre_grows_to_three_key_holders() -> None:
    at = made(1, 1)
    new = [at.holders[0], holder(), holder()]
    proposal = at.rotation(new, 2)
    proposal = proposal.with_signatures(at.holders[0].signs(proposal))
    assert [t.met for t in proposal.tallies] == [False, False, True]
    assert proposal.with_signatures(new[2].signs(proposal)).complete


# --- What a request must be --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"v": 3}, "rollback"),
        ({"v": 1}, "rollback"),
        ({"prev_hash": bytes(32)}, "prev_hash"),
        ({"root_v": 2}, "root_version"),
        ({"centre_id": b"OTHER-MADE-UP-CE"}, "centre"),
        ({"min_suite": 2}, "min_suite"),
        ({"policy": Policy(1, 0, 1, 40, {"default": ()})}, "intake"),
    ],
)
def test_what_no_reader_would_take_is_not_even_asked_for(changed: dict[str, object], reason: str) -> None:
    at = made()
    refused(reason, lambda: Proposal.of(at.state, at.directory(**changed)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"v": 3}, "root_chain"),
        ({"prev_hash": bytes(32)}, "root_chain"),
        ({"centre_id": b"OTHER-MADE-UP-CE"}, "centre"),
        ({"threshold": 4}, "document"),
    ],
)
def test_a_root_that_follows_nothing_is_not_asked_for(changed: dict[str, object], reason: str) -> None:
    at = made()
    root = replace(at.root([holder() for _ in range(3)], 2), **changed)  # type: ignore[arg-type]
    refused(reason, lambda: Proposal.of(at.state, at.directory(root_v=root.v), root))


def test_what_could_not_be_shown_is_not_signed() -> None:
    at = made()
    value = canonical.loads_object(at.directory().to_bytes()) | {"later": "something nobody here can read"}
    hidden = SignedDocument(DOC_DIRECTORY, canonical.dumps(value), ())
    refused("document", lambda: Proposal.from_documents(at.state, [hidden]))


def test_only_a_desk_of_the_directory_asks() -> None:
    at = made()
    data = Proposal.of(at.state, at.directory()).request(SigningKey.generate())
    refused("signature", lambda: read_request(data))


def test_documents_in_another_order_or_number_are_no_proposal() -> None:
    at = made()
    rotation = at.rotation([holder()], 1)
    root, directory = rotation.signed
    for documents in ([], [root], [directory, root], [root, root], [directory, directory]):
        refused("container", lambda documents=documents: Proposal.from_documents(at.state, documents))


def request_with(at: Made, **changed: canonical.Value) -> bytes:
    signed = parse_one(
        Proposal.of(at.state, at.directory()).request(at.desk_key), DOC_SIGNING_REQUEST, MAX_REQUEST
    )
    document = canonical.dumps(canonical.loads_object(signed.document) | changed)
    return SignedDocument.sign(DOC_SIGNING_REQUEST, document, [at.desk_key.public], [at.desk_key]).to_bytes()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"v": 2}, "document"),
        ({"more": 1}, "document"),
        ({"directory": "zz"}, "document"),
        ({"directory": ""}, "document"),
        ({"present": ""}, "container"),
        ({"centre_id": "00" * 16}, "centre"),
        ({"root": "7b7d"}, "document"),
    ],
)
def test_a_malformed_request_is_refused(changed: dict[str, canonical.Value], reason: str) -> None:
    refused(reason, lambda: read_request(request_with(made(), **changed)))


def test_every_flip_and_cut_of_a_request_is_the_domain_error() -> None:
    at = made(1, 1)
    data = Proposal.of(at.state, at.directory()).request(at.desk_key)
    for i in range(0, len(data), 211):
        broken = bytearray(data)
        broken[i] ^= 1 << i % 8
        with pytest.raises(DirectoryRejected):
            read_request(bytes(broken))
    for length in (0, 1, 9, 100, len(data) - 1):
        with pytest.raises(DirectoryRejected):
            read_request(data[:length])
    refused("container", lambda: read_request(data + data))
    refused("container", lambda: read_request(bytes(MAX_REQUEST + 1)))


def test_the_largest_centre_fits_a_request() -> None:
    at = made()
    roles = dict(at.state.directory.roles)
    for i in range(8):
        ring = PrekeyRing.generate(SlotRole.CONTENT, NOW)
        prekeys, last_resort = ring.published(NOW)
        roles[f"made_up_role_{i}"] = replace(roles["police"], prekeys=prekeys, last_resort=last_resort)
    proposal = Proposal.of(at.state, at.directory(roles=roles))
    assert len(proposal.signed[-1].document) < MAX_BODY
    assert read_request(proposal.request(at.desk_key)).proposal == proposal


# --- Key cards -------------------------------------------------------------------------------------------


def test_a_card_is_read_back_and_nobody_offers_another_ones_key() -> None:
    one, other = holder(), holder()
    card = read_card(write_card("Made-up holder", one.root, one.directory))
    assert (card.name, card.root_key, card.directory_key) == (
        "Made-up holder",
        one.root.public,
        one.directory.public,
    )
    signed = parse_one(write_card("Made-up holder", one.root, one.directory), DOC_KEY_CARD)
    for changed in ({"root_key": other.root.public.hex()}, {"name": "Someone else"}):
        document = canonical.dumps(canonical.loads_object(signed.document) | changed)
        refused(
            "signature", lambda document=document: read_card(replace(signed, document=document).to_bytes())
        )
    alone = replace(signed, signatures=signed.signatures[:1]).to_bytes()
    refused("signature", lambda: read_card(alone))
    refused("container", lambda: read_card(b"made up"))
    keys = [one.root, one.directory]
    wrong = canonical.dumps({"name": "x", "v": 1})
    document = SignedDocument.sign(DOC_KEY_CARD, wrong, [key.public for key in keys], keys)
    refused("document", lambda: read_card(document.to_bytes()))


# --- What is shown ---------------------------------------------------------------------------------------


def _policy(keep: int = 1, opened_by: int = 1, police: tuple[str, ...] = ("welfare",)) -> Policy:
    return Policy(keep, 0, opened_by, 40, {"default": ("police", "welfare"), "police": police})


SHOWN: dict[str, tuple[dict[str, object], What]] = {
    "issued": ({}, What.ISSUED),
    "expires": ({"expires": NOW + 5}, What.EXPIRES),
    "enrol_keys": ({"enrol_keys": (b"\x41" * 32,)}, What.ENROL_KEYS),
    "policy keep": ({"policy": _policy(keep=0)}, What.POLICY),
    "policy intake": ({"policy": _policy(police=("police",))}, What.POLICY),
    "policy opened_by": ({"policy": _policy(opened_by=2)}, What.POLICY),
    "policy wipe_after": ({"policy": replace(_policy(), wipe_after=20)}, What.POLICY),
    "policy pin_models": ({"policy": replace(_policy(), pin_models=("Made Up 8",))}, What.PIN_MODELS),
    "desks": ({"desks": ()}, What.DESKS),
    "devices_revoked": ({"devices_revoked": (Revocation(b"MADE-UP-DEVICE-9", 7),)}, What.DEVICES_REVOKED),
    "devices_suspended": ({"devices_suspended": (b"MADE-UP-DEVICE-9",)}, What.DEVICES_SUSPENDED),
    "relay": ({"relay": Relay("https://another.example")}, What.RELAY),
    "pin": ({"relay": Relay("https://relay.example", "ab" * 32)}, What.RELAY),
    "phones": ({"phones": (Phone("duty", "Made-up duty", "999"),)}, What.PHONES),
    "shards": ({"shards": 8}, What.SHARDS),
}


@pytest.mark.parametrize("name", SHOWN)
def test_every_change_of_a_directory_is_shown(name: str) -> None:
    at = made()
    changed, what = SHOWN[name]
    found = {change.what for change in changes(Proposal.of(at.state, at.directory(**changed)))}
    assert found == {what, What.ISSUED}


def test_no_field_of_a_directory_is_left_out() -> None:
    """A field that is added one day must be added to what key holders are shown."""
    tried = {name.split(" ")[0] for name in SHOWN} | {"roles"}
    judged_elsewhere = {"v", "centre_id", "prev_hash", "root_v", "min_suite"}
    fields = set(Directory.__dataclass_fields__)
    assert fields - judged_elsewhere == tried - {"pin"}
    policy = {"keep", "keep_days", "opened_by", "token_batch", "intake", "wipe_after", "pin_models"}
    assert set(Policy.__dataclass_fields__) == policy
    assert set(Root.__dataclass_fields__) == {
        "v", "centre_id", "threshold", "root_keys", "dir_threshold", "dir_keys", "command_keys", "prev_hash", "expires",
    }  # fmt: skip


def shown(at: Made, **changed: object) -> dict[What, Change]:
    return {change.what: change for change in changes(Proposal.of(at.state, at.directory(**changed)))}


def test_roles_and_prekeys_are_shown() -> None:
    at = made()
    police = at.state.directory.roles["police"]
    ring = at.centre.rings["police"]
    roles = at.state.directory.roles

    def role(**changed: object) -> dict[str, object]:
        return {"roles": roles | {"police": replace(police, **changed)}}  # type: ignore[arg-type]

    assert What.ROLES in shown(at, **role(name="Somebody else"))
    assert What.ROLES in shown(at, **role(agency="Another agency"))
    assert shown(at, roles=roles | {"new": _fresh(at, "police")})[What.ROLES].added
    later = ring.renewed(NOW + 9 * WEEK).published(NOW + 9 * WEEK)
    renewed = shown(at, **role(prekeys=later[0], last_resort=later[1]))
    assert What.PREKEYS_RENEWED in renewed
    assert What.PREKEYS_REPLACED not in renewed
    replaced_ring = ring.replaced(NOW).published(NOW)
    replaced = shown(at, **role(prekeys=replaced_ring[0], last_resort=replaced_ring[1]))
    assert replaced[What.PREKEYS_REPLACED].added == (police.name,)
    assert What.PREKEYS_RENEWED in shown(at, **role(last_resort=replaced_ring[1]))
    assert shown(at, **role(prekeys=police.prekeys[:3]))[What.PREKEYS_UNTIL].after == police.prekeys[2].naf


def _fresh(at: Made, role_id: str) -> object:
    prekeys, last_resort = PrekeyRing.generate(SlotRole.CONTENT, NOW).published(NOW)
    return replace(at.state.directory.roles[role_id], prekeys=prekeys, last_resort=last_resort)


def test_a_rotation_is_shown_key_by_key() -> None:
    at = made()
    new = [at.holders[0], at.holders[1], holder()]
    found = {change.what: change for change in changes(at.rotation(new, 2))}
    assert found[What.ROOT_KEYS].added == (key_label(new[2].root.public),)
    assert found[What.DIRECTORY_KEYS].removed == (key_label(at.holders[2].directory.public),)
    assert What.ROOT_EXPIRES in found
    assert What.ROOT_THRESHOLD not in found
    alone = {change.what: change for change in changes(at.rotation(new[:1], 1))}
    assert (alone[What.DIRECTORY_THRESHOLD].before, alone[What.DIRECTORY_THRESHOLD].after) == (2, 1)
    commanded = Proposal.of(
        at.state, at.directory(root_v=2), replace(at.root(new, 2), command_keys=(b"\x42" * 32,))
    )
    assert What.COMMAND_KEYS in {change.what for change in changes(commanded)}


def test_a_label_holds_64_bits_of_the_key() -> None:
    assert key_label(bytes(range(32))) == "0001 0203 0405 0607"

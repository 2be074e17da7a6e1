"""Root, directory and the trusted state: what is accepted, what is refused, and for which reason."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import canonical
from sync.directory import (
    MAX_PIN_MODELS,
    Directory,
    Hours,
    Phone,
    Policy,
    Relay,
    Revocation,
    directory_hash,
    model_name,
    sign_directory,
    verify_directory,
)
from sync.errors import CanonicalError, DirectoryRejected
from sync.keys import PrekeyRing, SlotRole
from sync.primitives import SigningKey
from sync.protocol import DOC_CERTIFICATE, DOC_DIRECTORY, DOC_ROOT, MAX_BODY
from sync.root import Root, sign_root
from sync.signed import SignedDocument, parse_one, parse_row
from sync.trust import TrustedState, make_blob, update
from tests.unit.sync.made_up import NOW, Centre, make_centre


def refused(reason: str, action: Callable[[], object]) -> None:
    with pytest.raises(DirectoryRejected) as caught:
        action()
    assert caught.value.reason == reason


def pin(centre: Centre, blob: bytes | None = None) -> TrustedState:
    return TrustedState.pin(centre.root.centre_id, blob or centre.blob)


def next_directory(centre: Centre, **changes: object) -> Directory:
    prev_hash = directory_hash(centre.directory.to_bytes())
    values: dict[str, object] = {"v": centre.directory.v + 1, "prev_hash": prev_hash, "issued": NOW + 60}
    return replace(centre.directory, **(values | changes))  # type: ignore[arg-type]


def blob_of(centre: Centre, directory: Directory) -> bytes:
    return make_blob([centre.root_container], centre.signed(directory))


def unchecked(centre: Centre, directory: Directory) -> bytes:
    """Sign without the publisher's own check: a corrupt directory key."""
    signed = SignedDocument.sign(
        DOC_DIRECTORY, directory.to_bytes(), centre.root.dir_keys, centre.dir_keys[:1]
    )
    return make_blob([centre.root_container], signed.to_bytes())


@pytest.mark.parametrize(("keys", "threshold"), [(1, 1), (3, 2), (3, 3)])
def test_a_centre_is_pinned_with_any_threshold(keys: int, threshold: int) -> None:
    centre = make_centre(keys, threshold)
    state = pin(centre)
    assert state.directory == centre.directory
    assert state.root == centre.root
    assert state.version == 1
    assert TrustedState.from_bytes(state.to_bytes()) == state


def test_too_few_signatures_are_refused() -> None:
    centre = make_centre(3, 2)
    one = centre.signed(centre.directory, signers=1)
    refused("threshold", lambda: pin(centre, make_blob([centre.root_container], one)))
    lonely_root = sign_root(centre.root, centre.root_keys[:1])
    refused("threshold", lambda: pin(centre, make_blob([lonely_root], centre.signed(centre.directory))))


def test_one_key_cannot_sign_twice() -> None:
    centre = make_centre(3, 2)
    document = centre.directory.to_bytes()
    once = SignedDocument.sign(DOC_DIRECTORY, document, centre.root.dir_keys, centre.dir_keys[:1])
    twice = replace(once, signatures=once.signatures * 2).to_bytes()
    refused("container", lambda: pin(centre, make_blob([centre.root_container], twice)))
    again = once.with_signature(centre.root.dir_keys, centre.dir_keys[0])
    assert again == once


def test_colleagues_sign_one_after_the_other() -> None:
    centre = make_centre(3, 2)
    first = parse_one(centre.signed(centre.directory, signers=1), DOC_DIRECTORY)
    both = first.with_signature(centre.root.dir_keys, centre.dir_keys[2])
    assert pin(centre, make_blob([centre.root_container], both.to_bytes())).version == 1
    refused("signer", lambda: first.with_signature(centre.root.dir_keys, SigningKey.generate()))


def test_a_strange_key_signs_nothing() -> None:
    centre, other = make_centre(), make_centre()
    signed = SignedDocument.sign(
        DOC_DIRECTORY, centre.directory.to_bytes(), other.root.dir_keys, other.dir_keys
    ).to_bytes()
    refused("signature", lambda: pin(centre, make_blob([centre.root_container], signed)))


def test_another_centre_is_refused() -> None:
    centre, other = make_centre(), make_centre()
    refused("centre", lambda: pin(centre, other.blob))
    refused("centre", lambda: update(pin(centre), other.blob))


def test_a_root_that_only_claims_the_pinned_id_is_refused() -> None:
    """Everything fits together and is signed, but its keys are not those that the id is a hash of."""
    centre, attacker = make_centre(), make_centre()
    forged = replace(attacker.root, centre_id=centre.root.centre_id)
    directory = replace(attacker.directory, centre_id=centre.root.centre_id)
    blob = make_blob(
        [sign_root(forged, attacker.root_keys)], sign_directory(directory, forged, attacker.dir_keys)
    )
    refused("centre", lambda: pin(centre, blob))


def test_a_directory_of_another_centre_under_the_same_keys_is_refused() -> None:
    centre = make_centre()
    directory = replace(centre.directory, centre_id=b"OTHER-MADE-UP-CE")
    refused("centre", lambda: pin(centre, blob_of(centre, directory)))


def test_no_later_root_changes_the_centre_id() -> None:
    centre = make_centre()
    moved = replace(rotate(centre, centre.root_keys, 1), centre_id=b"OTHER-MADE-UP-CE")
    directory = next_directory(centre, root_v=2, centre_id=moved.centre_id)
    blob = make_blob(
        [centre.root_container, sign_root(moved, centre.root_keys, centre.root)],
        sign_directory(directory, moved, centre.dir_keys),
    )
    refused("centre", lambda: pin(centre, blob))


def test_every_flip_and_truncation_of_a_blob_is_the_domain_error() -> None:
    centre = make_centre()
    blob = centre.blob
    for i in range(len(blob)):
        broken = bytearray(blob)
        broken[i] ^= 1 << i % 8
        with pytest.raises(DirectoryRejected):
            pin(centre, bytes(broken))
    for length in range(len(blob)):
        with pytest.raises(DirectoryRejected):
            TrustedState.pin(centre.root.centre_id, blob[:length])
    for extra in (b"\0", blob, b"FSD1"):
        with pytest.raises(DirectoryRejected):
            pin(centre, blob + extra)


def test_a_damaged_state_is_the_domain_error() -> None:
    data = pin(make_centre()).to_bytes()
    for damaged in (b"", data[:10], data[:16], data[1:], bytes(16) + data[16:]):
        with pytest.raises(DirectoryRejected):
            TrustedState.from_bytes(damaged)


# --- Updates ----------------------------------------------------------------------------------------------


def test_a_newer_directory_is_taken_and_an_older_one_refused() -> None:
    centre = make_centre()
    first = pin(centre)
    second = update(first, blob_of(centre, next_directory(centre)))
    assert second.version == 2
    assert update(second, second.blob) is second
    refused("rollback", lambda: update(second, first.blob))


def test_a_broken_prev_hash_is_refused() -> None:
    centre = make_centre()
    refused(
        "prev_hash", lambda: update(pin(centre), blob_of(centre, next_directory(centre, prev_hash=bytes(32))))
    )


def test_a_device_that_was_away_may_skip_versions() -> None:
    centre = make_centre()
    far = next_directory(centre, v=9, prev_hash=b"\x09" * 32)
    assert update(pin(centre), blob_of(centre, far)).version == 9


def test_a_split_view_is_refused() -> None:
    centre = make_centre()
    refused(
        "split_view", lambda: update(pin(centre), blob_of(centre, replace(centre.directory, issued=NOW + 1)))
    )


def test_expiry_warns_and_keeps_working() -> None:
    state = pin(make_centre())
    assert not state.expired(NOW)
    assert state.expired(state.directory.expires)
    assert update(state, state.blob) is state


# --- Root rotation ----------------------------------------------------------------------------------------


def rotate(centre: Centre, new_keys: list[SigningKey], threshold: int, **changes: object) -> Root:
    values: dict[str, object] = {
        "v": 2,
        "threshold": threshold,
        "root_keys": tuple(key.public for key in new_keys),
        "prev_hash": centre.root.hash,
    }
    return replace(centre.root, **(values | changes))  # type: ignore[arg-type]


def rotated_blob(centre: Centre, root: Root, signers: list[SigningKey]) -> bytes:
    container = sign_root(root, signers, centre.root)
    directory = next_directory(centre, root_v=2)
    return make_blob([centre.root_container, container], sign_directory(directory, root, centre.dir_keys))


def test_a_rotation_signed_under_both_thresholds_is_taken() -> None:
    centre = make_centre()
    new = [SigningKey.generate() for _ in range(3)]
    root = rotate(centre, new, 2)
    state = update(pin(centre), rotated_blob(centre, root, [new[0], new[2], centre.root_keys[0]]))
    assert state.root == root
    assert [r.v for r in state.roots] == [1, 2]
    refused("rollback", lambda: update(state, centre.blob))


def test_a_rotation_without_the_old_or_the_new_threshold_is_refused() -> None:
    centre = make_centre()
    new = [SigningKey.generate() for _ in range(3)]
    root = rotate(centre, new, 2)
    for signers in (new, [centre.root_keys[0]], [new[0], centre.root_keys[0]]):
        refused("threshold", lambda signers=signers: pin(centre, rotated_blob(centre, root, signers)))


def test_a_key_of_both_roots_counts_for_both() -> None:
    centre = make_centre()
    new = [centre.root_keys[0], SigningKey.generate()]
    assert pin(centre, rotated_blob(centre, rotate(centre, new, 2), new)).root.v == 2


@pytest.mark.parametrize("change", [{"v": 3}, {"prev_hash": bytes(32)}, {"v": 1}])
def test_a_broken_root_chain_is_refused(change: dict[str, object]) -> None:
    centre = make_centre()
    new = [SigningKey.generate()]
    blob = rotated_blob(centre, rotate(centre, new, 1, **change), [*new, *centre.root_keys])
    refused("root_chain", lambda: pin(centre, blob))


def test_two_histories_of_roots_are_refused() -> None:
    centre = make_centre()
    one, other = [SigningKey.generate()], [SigningKey.generate()]
    state = pin(centre, rotated_blob(centre, rotate(centre, one, 1), [*one, *centre.root_keys]))
    rival = rotated_blob(centre, rotate(centre, other, 1), [*other, *centre.root_keys])
    refused("root_chain", lambda: update(state, rival))


def test_a_directory_of_the_former_root_is_refused_after_a_rotation() -> None:
    centre = make_centre()
    new = [SigningKey.generate()]
    container = sign_root(rotate(centre, new, 1), [*new, *centre.root_keys], centre.root)
    blob = make_blob([centre.root_container, container], centre.signed(next_directory(centre)))
    refused("root_version", lambda: pin(centre, blob))


def test_a_threshold_that_cannot_be_met_or_a_key_listed_twice_is_refused() -> None:
    root = make_centre(2, 2).root
    key = root.root_keys[0]
    for broken in (
        replace(root, threshold=3),
        replace(root, threshold=0),
        replace(root, dir_threshold=3),
        replace(root, root_keys=(key, key)),
        replace(root, dir_keys=(key, key)),
        replace(root, dir_keys=()),
    ):
        refused("document", lambda broken=broken: Root.from_bytes(broken.to_bytes()))


# --- Content of the directory -----------------------------------------------------------------------------


def test_low_order_duplicate_or_unordered_prekeys_are_refused_on_load() -> None:
    centre = make_centre()
    police, welfare = centre.directory.roles["police"], centre.directory.roles["welfare"]
    zero = replace(police.prekeys[0], pk=bytes(32))
    one = replace(police.last_resort, pk=b"\x01" + bytes(31))
    for broken in (
        replace(police, prekeys=(zero, *police.prekeys[1:])),
        replace(police, last_resort=one),
        replace(police, prekeys=(*police.prekeys, police.prekeys[-1])),
        replace(police, prekeys=tuple(reversed(police.prekeys))),
        replace(police, last_resort=replace(police.last_resort, pk=police.prekeys[0].pk)),
        replace(police, prekeys=welfare.prekeys),
    ):
        directory = replace(centre.directory, roles=centre.directory.roles | {"police": broken})
        refused("prekeys", lambda directory=directory: pin(centre, unchecked(centre, directory)))
        refused("prekeys", lambda directory=directory: centre.signed(directory))


@pytest.mark.parametrize(
    "intake",
    [
        {},
        {"police": ("welfare",)},
        {"default": ()},
        {"default": ("registrar",)},
        {"default": ("nobody",)},
        {"default": ("police", "police")},
        {"default": ("police",), "police": ("welfare",)},
        {"default": ("police", "welfare"), "police": ("welfare",), "town_hall": ("police",)},
    ],
)
def test_a_policy_that_can_leave_nobody_to_read_is_refused(intake: dict[str, tuple[str, ...]]) -> None:
    centre = make_centre()
    directory = replace(centre.directory, policy=replace(centre.directory.policy, intake=intake))
    refused("intake", lambda: centre.signed(directory))


def test_a_directory_without_registrar_is_refused() -> None:
    centre = make_centre()
    roles = {name: role for name, role in centre.directory.roles.items() if name != "registrar"}
    refused("intake", lambda: centre.signed(replace(centre.directory, roles=roles)))


def test_who_must_not_see_this_chooses_the_intake() -> None:
    policy = Policy(1, 0, 1, 40, {"default": ("a", "b", "c"), "police": ("b", "c"), "school": ("a", "c")})
    assert policy.intake_roles() == ("a", "b", "c")
    assert policy.intake_roles(["police"]) == ("b", "c")
    assert policy.intake_roles(["police", "school"]) == ("c",)
    assert policy.intake_roles(["shelter"]) == ("a", "b", "c")


@pytest.mark.parametrize(
    "url",
    [
        "http://relay.example",
        "https://relay.example/",
        "https://relay.example/path",
        "https://user@relay.example",
        "https://Relay.example",
        "https://",
        "ftp://relay.example",
        "relay.example",
        "https://relay.example:99999",
        "https://relay.example?x",
        "http://127.0.0.1.example",
        "",
    ],
)
def test_a_relay_that_is_not_plainly_https_is_refused(url: str) -> None:
    centre = make_centre()
    refused("document", lambda: centre.signed(replace(centre.directory, relay=Relay(url))))


@pytest.mark.parametrize(
    "url", ["https://relay.example", "https://relay.example:8443", "http://127.0.0.1:8000"]
)
def test_https_and_this_machine_are_accepted(url: str) -> None:
    centre = make_centre()
    assert (
        pin(centre, blob_of(centre, replace(centre.directory, relay=Relay(url)))).directory.relay.url == url
    )


def test_a_directory_for_later_programs_is_refused() -> None:
    centre = make_centre()
    refused("min_suite", lambda: pin(centre, blob_of(centre, replace(centre.directory, min_suite=2))))


def test_unknown_fields_are_ignored_but_signed() -> None:
    centre = make_centre()
    value = canonical.loads_object(centre.directory.to_bytes()) | {"later": 1}
    signed = SignedDocument.sign(DOC_DIRECTORY, canonical.dumps(value), centre.root.dir_keys, centre.dir_keys)
    assert verify_directory(signed, centre.root) == centre.directory


@pytest.mark.parametrize("field", ["v", "roles", "policies", "relay", "issued", "desks", "phones"])
def test_a_missing_field_is_refused(field: str) -> None:
    centre = make_centre()
    value = canonical.loads_object(centre.directory.to_bytes())
    del value[field]
    refused("document", lambda: Directory.from_bytes(canonical.dumps(value)))
    value[field] = True
    refused("document", lambda: Directory.from_bytes(canonical.dumps(value)))


def test_a_document_that_is_not_canonical_is_refused() -> None:
    centre = make_centre()
    refused("document", lambda: Directory.from_bytes(centre.directory.to_bytes() + b" "))
    refused("document", lambda: Root.from_bytes(b"{}"))
    with pytest.raises(CanonicalError):
        replace(centre.directory, v=1 << 60).to_bytes()


def test_revocation_names_the_first_bad_seq() -> None:
    revoked = (Revocation(b"MADE-UP-DEVICE-9", 12), Revocation(b"MADE-UP-DEVICE-9", 7))
    directory = replace(make_centre().directory, devices_revoked=revoked)
    assert directory.revoked_from(b"MADE-UP-DEVICE-9") == 7
    assert directory.revoked_from(b"MADE-UP-DEVICE-1") is None


def test_a_suspension_is_a_later_field_that_changes_no_older_document() -> None:
    directory = make_centre().directory
    assert b"devices_suspended" not in directory.to_bytes()
    waits = replace(directory, devices_suspended=(b"MADE-UP-DEVICE-9",))
    again = Directory.from_bytes(waits.to_bytes())
    assert again == waits
    assert again.is_suspended(b"MADE-UP-DEVICE-9")
    assert not again.is_suspended(b"MADE-UP-DEVICE-1")
    with pytest.raises(DirectoryRejected):
        Directory.from_bytes(
            waits.to_bytes().replace(b'"devices_suspended":[{"id"', b'"devices_suspended":[{"ix"')
        )


def test_desks_and_registrar_are_found() -> None:
    directory = make_centre().directory
    desk = directory.desks[0]
    assert directory.desk(desk.id) == desk
    assert directory.desk(bytes(16)) is None
    assert directory.registrar is directory.roles["registrar"]


def test_opening_hours() -> None:
    phone = Phone("centre", "Made-up centre", "000", (Hours(0, 540, 1020),))
    assert phone.reachable(0, 540)
    assert not phone.reachable(0, 1020)
    assert not phone.reachable(1, 600)
    assert Phone("duty", "Made-up duty", "000").reachable(6, 3)


# --- The container ----------------------------------------------------------------------------------------


def test_a_document_counts_only_as_its_own_type() -> None:
    centre = make_centre()
    document = centre.directory.to_bytes()
    as_root = SignedDocument.sign(DOC_ROOT, document, centre.root.dir_keys, centre.dir_keys)
    relabelled = replace(as_root, doc_type=DOC_DIRECTORY)
    refused("signature", lambda: verify_directory(relabelled, centre.root))
    refused("container", lambda: verify_directory(as_root, centre.root))
    refused("container", lambda: parse_one(as_root.to_bytes(), DOC_CERTIFICATE))


def test_a_blob_needs_roots_and_exactly_one_directory() -> None:
    centre = make_centre()
    directory = centre.signed(centre.directory)
    for blob in (
        directory,
        centre.root_container,
        directory + centre.root_container,
        centre.root_container + directory + directory,
        b"",
        bytes(70_000),
    ):
        refused(
            "container", lambda blob=blob: pin(centre, blob) if blob else TrustedState.pin(bytes(16), blob)
        )


def test_a_row_of_containers_is_read_back() -> None:
    centre = make_centre()
    row = parse_row(centre.blob)
    assert [document.doc_type for document in row] == [DOC_ROOT, DOC_DIRECTORY]
    assert b"".join(document.to_bytes() for document in row) == centre.blob


def test_a_valid_blob_that_the_relay_could_not_carry_is_refused() -> None:
    centre = make_centre()
    entry = replace(centre.directory.desks[0], name="Made-up desk " * 12)
    desks = tuple(replace(entry, id=bytes([i]) * 16) for i in range(250))
    blob = blob_of(centre, replace(centre.directory, desks=desks))
    assert len(blob) > MAX_BODY
    refused("container", lambda: pin(centre, blob))


def test_a_full_directory_fits_the_relay() -> None:
    """Eight roles with 27 prekeys each, forty desks: below the 65,536 bytes of a request."""
    centre = make_centre()
    roles = dict(centre.directory.roles)
    for i in range(5):
        ring = PrekeyRing.generate(SlotRole.CONTENT, NOW)
        prekeys, last_resort = ring.published(NOW)
        roles[f"made_up_role_{i}"] = replace(roles["police"], prekeys=prekeys, last_resort=last_resort)
    desks = tuple(replace(centre.directory.desks[0], id=bytes([i]) * 16) for i in range(40))
    assert len(blob_of(centre, replace(centre.directory, roles=roles, desks=desks))) < 50_000


def test_erasing_after_guesses_is_a_later_field_that_is_left_out_while_it_is_off() -> None:
    directory = make_centre().directory
    assert b"wipe_after" not in directory.to_bytes()
    strict = replace(directory, policy=replace(directory.policy, wipe_after=20))
    assert Directory.from_bytes(strict.to_bytes()) == strict
    assert strict != directory
    for attempts in (-1, 1, 9, 1001):
        wrong = replace(directory, policy=replace(directory.policy, wipe_after=attempts))
        refused("document", lambda wrong=wrong: Directory.from_bytes(wrong.to_bytes()))


def test_models_for_a_pin_are_a_later_field_with_one_form() -> None:
    directory = make_centre().directory
    assert b"pin_models" not in directory.to_bytes()
    full = tuple(sorted(f"Made Up {i} {'x' * 50}" for i in range(MAX_PIN_MODELS)))
    for models in (("Google Pixel 8", "iPhone15,2"), ("Caf\u00e9 1",), full):
        listed = replace(directory, policy=replace(directory.policy, pin_models=models))
        assert Directory.from_bytes(listed.to_bytes()) == listed != directory
    for models in (
        ("b", "a"), ("a", "a"), ("",), (" a",), ("a  b",), ("a\u00a0b",), ("a\u202eb",), ("a\nb",), ("x" * 65,),
        (*full, "zz"),
    ):  # fmt: skip
        wrong = replace(directory, policy=replace(directory.policy, pin_models=models))
        refused("document", lambda wrong=wrong: Directory.from_bytes(wrong.to_bytes()))
    value = canonical.loads_object(directory.to_bytes())
    for odd in ([], "a", None, [1], ["a", None], {"a": 1}):
        policies = {**value["policies"], "pin_models": odd}  # type: ignore[dict-item]
        broken = canonical.dumps({**value, "policies": policies})
        refused("document", lambda broken=broken: Directory.from_bytes(broken))
    decomposed = canonical.dumps(value).replace(
        b'"token_batch"', '"pin_models":["Cafe\u0301"],"token_batch"'.encode()
    )
    refused("document", lambda: Directory.from_bytes(decomposed))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=70))
def test_the_name_of_a_model_is_its_own_name_or_none(words: str) -> None:
    name = model_name(words)
    assert model_name(name) == name
    assert len(name) <= 64
    assert name.isprintable()


def test_a_policy_of_a_later_release_is_read_without_what_is_not_known() -> None:
    """So a release from before `wipe_after` reads what this one writes."""
    centre = make_centre()
    value = canonical.loads_object(centre.directory.to_bytes())
    value["policies"] = {**value["policies"], "later": 1}  # type: ignore[dict-item]
    assert Directory.from_bytes(canonical.dumps(value)) == centre.directory

"""Known answers: published ones, hashlib as an independent oracle, and the project's own frozen ones."""

import hashlib

import nacl.bindings as sodium
import pytest

from sync.errors import PrimitiveError
from sync.primitives import (
    BoxKeyPair,
    SigningKey,
    aead_open,
    aead_seal,
    argon2id,
    blake,
    box_open,
    box_seal,
    is_low_order,
    random_bytes,
    same,
    verify,
)
from sync.protocol import TAG_CERT, TAG_ENVELOPE

L = 2**252 + 27742317777372353535851937790883648493
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def test_ed25519_rfc_8032_test_1() -> None:
    key = SigningKey.from_seed(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    assert sodium.crypto_sign(b"", key.seed + key.public)[:64] == signature


def test_x25519_rfc_7748_section_6_1() -> None:
    alice = BoxKeyPair.from_secret(
        bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    )
    bob = BoxKeyPair.from_secret(
        bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    )
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert sodium.crypto_scalarmult(alice.secret, bob.public).hex() == shared
    assert sodium.crypto_scalarmult(bob.secret, alice.public).hex() == shared


def test_xchacha20_poly1305_draft_irtf_cfrg_xchacha_a_3_1() -> None:
    plaintext = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    expected = bytes.fromhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49"
    )
    assert aead_seal(key, nonce, plaintext, aad) == expected
    assert aead_open(key, nonce, expected, aad) == plaintext


@pytest.mark.parametrize("n", [16, 32, 64])
@pytest.mark.parametrize("key", [b"", b"k", b"\x07" * 64])
@pytest.mark.parametrize("person", [b"", b"fse1 chain", b"sixteen bytes !!"])
def test_blake_equals_hashlib(person: bytes, key: bytes, n: int) -> None:
    for msg in (b"", b"abc", bytes(1000)):
        oracle = hashlib.blake2b(msg, digest_size=n, key=key, person=person.ljust(16, b"\0")).digest()
        assert blake(person, msg, key=key, n=n) == oracle


def test_argon2id_kek_and_commit_known_answers() -> None:
    """The chain of security.md, section 8: passphrase to key, key to KEK, KEK to commitment."""
    key = argon2id(b"correct horse battery staple", bytes(range(16)), passes=3, memory_kib=65_536)
    assert key.hex() == "0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e"
    kek = blake(b"fsv1 kek", b"\xd5" * 32 + bytes(range(0x10, 0x20)), key=key)
    assert kek.hex() == "64f7abec9fb2c60ac74635728d9fdd2d0ac1f5bf7a08b18a01b7e626e89cdc5f"
    assert blake(b"fsv1 commit", b"\x03", key=kek, n=16).hex() == "037480abbab299c9f32c8b851f5aa5e4"


def test_aead_refuses_every_flipped_bit() -> None:
    key, nonce = random_bytes(32), random_bytes(24)
    sealed = aead_seal(key, nonce, b"made up", b"aad")
    for i in range(8 * len(sealed)):
        broken = bytearray(sealed)
        broken[i // 8] ^= 1 << i % 8
        with pytest.raises(PrimitiveError):
            aead_open(key, nonce, bytes(broken), b"aad")
    with pytest.raises(PrimitiveError):
        aead_open(key, nonce, sealed, b"AAD")


def test_sealed_box_opens_only_for_its_key() -> None:
    pair, other = BoxKeyPair.generate(), BoxKeyPair.generate()
    sealed = box_seal(pair.public, b"made up")
    assert box_open(pair, sealed) == b"made up"
    for damaged, key in ((sealed, other), (sealed[:-1], pair), (b"", pair), (sealed + b"\0", pair)):
        with pytest.raises(PrimitiveError):
            box_open(key, damaged)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_low_order_points_are_seen_and_refused(point: str) -> None:
    assert is_low_order(bytes.fromhex(point))
    with pytest.raises(PrimitiveError):
        box_seal(bytes.fromhex(point), b"made up")


def test_ordinary_keys_are_not_of_low_order() -> None:
    assert not any(is_low_order(BoxKeyPair.generate().public) for _ in range(50))


def test_a_signature_counts_for_one_tag_key_and_message() -> None:
    key = SigningKey.generate()
    signature = key.sign(TAG_CERT, b"made up")
    assert verify(key.public, TAG_CERT, b"made up", signature)
    assert not verify(key.public, TAG_ENVELOPE, b"made up", signature)
    assert not verify(key.public, TAG_CERT, b"made UP", signature)
    assert not verify(SigningKey.generate().public, TAG_CERT, b"made up", signature)
    assert not verify(key.public[:31], TAG_CERT, b"made up", signature)


def test_a_malleated_signature_is_refused() -> None:
    key = SigningKey.generate()
    signature = key.sign(TAG_CERT, b"made up")
    s = int.from_bytes(signature[32:], "little") + L
    assert not verify(key.public, TAG_CERT, b"made up", signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_small_order_signing_key_signs_nothing(point: bytes) -> None:
    assert not verify(point, TAG_CERT, b"made up", b"\x01" + bytes(63))
    assert not verify(point, TAG_CERT, b"made up", point + bytes(32))


def test_wrong_types_and_lengths_are_primitive_errors() -> None:
    for attempt in (
        lambda: aead_seal(b"short", bytes(24), b"", b""),
        lambda: aead_seal(bytes(32), bytes(23), b"", b""),
        lambda: aead_open(bytes(32), bytes(24), b"short", b""),
        lambda: BoxKeyPair.from_secret(b""),
        lambda: SigningKey.from_seed(bytes(33)),
        lambda: SigningKey.from_seed(bytearray(32)),  # type: ignore[arg-type]
        lambda: blake(b"seventeen bytes !!", b""),
        lambda: blake(b"", b"", n=8),
        lambda: argon2id(b"x", bytes(15), passes=1, memory_kib=8),
        lambda: argon2id(b"x", bytes(16), passes=0, memory_kib=8),
        lambda: SigningKey.generate().sign(b"short", b""),
    ):
        with pytest.raises(PrimitiveError):
            attempt()


def test_no_secret_in_a_repr() -> None:
    pair, key = BoxKeyPair.generate(), SigningKey.generate()
    assert repr(pair.secret) not in repr(pair)
    assert repr(key.seed) not in repr(key)


def test_same_compares_content() -> None:
    assert same(b"ab", b"ab")
    assert not same(b"ab", b"ac")
    assert not same(b"ab", b"abc")

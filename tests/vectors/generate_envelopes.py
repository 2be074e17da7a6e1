"""Writes the frozen vectors: envelopes of every class, root, directory, certificate, enrolment and signing files.

    python -m tests.vectors.generate_envelopes OUTPUT_FOLDER

This is on purpose a second implementation, written from PROTOCOL.md with hashlib and libsodium's plain functions: it
imports nothing of `sync`. What it makes must open with `sync` for ever. All its randomness comes from a `Source`
that is handed in; production code has no such door, so nobody can open it there.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import nacl.bindings as sodium

SEED = b"made-up seed of the frozen vectors, version 1"
SIZES = {1: 4096, 2: 16384, 3: 65536}
WEEK = 604_800
NOW = 1_800_000_000
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Source:
    """Reproducible bytes for vectors: BLAKE2b of seed and counter."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0

    def take(self, n: int) -> bytes:
        """Return the next `n` (at most 64) bytes."""
        self._counter += 1
        return hashlib.blake2b(
            self._counter.to_bytes(8, "little"), key=self._seed[:64], digest_size=64
        ).digest()[:n]


def h(person: str, msg: bytes, key: bytes = b"", n: int = 32) -> bytes:
    return hashlib.blake2b(msg, digest_size=n, key=key, person=person.encode()).digest()


def tag(text: str) -> bytes:
    return text.encode().ljust(16, b"\0")


def sign(seed: bytes, text: str, message: bytes) -> bytes:
    _, secret = sodium.crypto_sign_seed_keypair(seed)
    return sodium.crypto_sign(tag(text) + message, secret)[:64]


def sign_pk(seed: bytes) -> bytes:
    return sodium.crypto_sign_seed_keypair(seed)[0]


def box_pk(secret: bytes) -> bytes:
    return sodium.crypto_scalarmult_base(secret)


def sealed_box(source: Source, public: bytes, plaintext: bytes) -> bytes:
    """libsodium's crypto_box_seal with a given ephemeral key: epk | box(nonce = BLAKE2b-24(epk | pk))."""
    ephemeral = source.take(32)
    epk = box_pk(ephemeral)
    nonce = hashlib.blake2b(epk + public, digest_size=24).digest()
    return epk + sodium.crypto_box(plaintext, nonce, public, ephemeral)


def aead(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, aad, nonce, key)


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def envelope(
    source: Source,
    header: dict[str, Any],
    body: bytes,
    *,
    registrar: bytes,
    content: list[bytes],
    seed: bytes,
    size_class: int,
    k_h: bytes | None = None,
    k_b: bytes | None = None,
    slots: list[bytes] | None = None,
    nslots: int = 8,
    suite: int = 1,
    version: int = 1,
    body_plain: bytes | None = None,
    body_key: bytes | None = None,
    hcommit: bytes | None = None,
    magic: bytes = b"FSH1",
    header_version: int = 1,
    padding: bytes = bytes(14),
    recip: bytes | None = None,
    body_hash: bytes | None = None,
) -> bytes:
    """Build an envelope step by step; every keyword after `size_class` lets a malicious sender deviate."""
    k_h, k_b = k_h or source.take(32), k_b or source.take(32)
    nonce_h, nonce_b = source.take(24), source.take(24)
    if slots is None:
        slots = [sealed_box(source, registrar, k_h + bytes(32))]
        slots += [sealed_box(source, pk, k_h + k_b) for pk in sorted(content)]
    while len(slots) < 8:
        slots.append(sealed_box(source, box_pk(source.take(32)), source.take(64)))
    outer = b"FSE1" + bytes((version, suite, size_class, nslots)) + nonce_h + nonce_b
    outer += hcommit or h("fse1 hcommit", nonce_h, k_h)
    outer += h("fse1 bcommit", nonce_b, k_b) + b"".join(slots)
    room = SIZES[size_class] - 1352 - 16
    plain = body_plain or (len(body).to_bytes(4, "little") + body).ljust(room, b"\0")
    body_ct = aead(body_key or k_b, nonce_b, plain, outer)
    signed = struct.pack("<4sBB", magic, header_version, header["msg_type"])
    signed += header["sender_id"] + header["centre_id"]
    signed += struct.pack("<QQ", header["seq"], header["dir_version"])
    signed += header["prev_hash"] + header["dir_hash"] + header["record_id"]
    signed += struct.pack("<III", header["rec_ver"], header["flags"], header["week"])
    signed += header["next_prekey"] + (body_hash or h("fse1 body", body_ct))
    signed += recip or h("fse1 recip", registrar + b"".join(sorted(content)))
    signature = sign(seed, "fs envelope 1", h("fse1 outer", outer, n=64) + signed)
    return outer + aead(k_h, nonce_h, signed + signature + padding, outer) + body_ct


def sample_header(**changes: Any) -> dict[str, Any]:
    header: dict[str, Any] = {
        "msg_type": 1,
        "sender_id": b"MADE-UP-DEVICE-1",
        "centre_id": b"MADE-UP-CENTRE-1",
        "seq": 1,
        "dir_version": 7,
        "prev_hash": bytes(32),
        "dir_hash": b"\xd1" * 32,
        "record_id": b"MADE-UP-RECORD-1",
        "rec_ver": 1,
        "flags": 0,
        "week": NOW // WEEK,
        "next_prekey": b"\x4e" * 32,
    }
    return header | changes


def _hexed(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in value.items()}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_envelopes(source: Source, folder: Path) -> None:
    bodies = {
        1: canonical({"note": "Obviously made up: é, ş, العربية", "v": 1}),
        2: canonical({"answers": [{"code": f"made_up_{i}", "value": i} for i in range(200)], "v": 1}),
        3: bytes(i * 7 % 256 for i in range(64_164)),
    }
    recipients = {1: 1, 2: 3, 3: 7}
    prev_hash = bytes(32)
    for size_class, body in bodies.items():
        registrar = source.take(32)
        content = [source.take(32) for _ in range(recipients[size_class])]
        seed, k_h, k_b = source.take(32), source.take(32), source.take(32)
        header = sample_header(seq=size_class, prev_hash=prev_hash, msg_type=5 if size_class == 3 else 1)
        data = envelope(
            source,
            header,
            body,
            registrar=box_pk(registrar),
            content=[box_pk(secret) for secret in content],
            seed=seed,
            size_class=size_class,
            k_h=k_h,
            k_b=k_b,
        )
        prev_hash = h("fse1 chain", data)
        (folder / f"class{size_class}.bin").write_bytes(data)
        _write_json(
            folder / f"class{size_class}.json",
            {
                "body": body.hex(),
                "chain_hash": prev_hash.hex(),
                "content_secrets": [secret.hex() for secret in content],
                "header": _hexed(header),
                "k_b": k_b.hex(),
                "k_h": k_h.hex(),
                "opened_proof": h("fse1 opened", prev_hash, k_b).hex(),
                "received_proof": h("fse1 received", prev_hash, k_h).hex(),
                "registrar_secret": registrar.hex(),
                "signing_seed": seed.hex(),
            },
        )


def container(doc_type: int, document: bytes, signatures: list[tuple[int, bytes]]) -> bytes:
    head = b"FSD1" + bytes((doc_type,)) + len(document).to_bytes(4, "little") + document
    return head + bytes((len(signatures),)) + b"".join(bytes((i,)) + s for i, s in signatures)


def write_directory(source: Source, folder: Path) -> dict[str, Any]:
    root_seeds, dir_seeds = [source.take(32) for _ in range(4)], [source.take(32) for _ in range(3)]
    enrol_seed, desk_seed = source.take(32), source.take(32)
    root1: dict[str, Any] = {
        "command_keys": [],
        "dir_keys": [sign_pk(dir_seeds[0]).hex()],
        "dir_threshold": 1,
        "expires": NOW + 52 * WEEK,
        "prev_hash": bytes(32).hex(),
        "root_keys": [sign_pk(root_seeds[0]).hex()],
        "threshold": 1,
        "v": 1,
    }
    centre_id = h("fsd1 root", canonical(root1))[:16]
    root1["centre_id"] = centre_id.hex()
    root2 = root1 | {
        "dir_keys": [sign_pk(seed).hex() for seed in dir_seeds],
        "dir_threshold": 2,
        "prev_hash": h("fsd1 root", canonical(root1)).hex(),
        "root_keys": [sign_pk(seed).hex() for seed in root_seeds[1:]],
        "threshold": 2,
        "v": 2,
    }

    def prekey(week: int, weeks: int = 1) -> tuple[dict[str, Any], str]:
        secret = source.take(32)
        times = {"nbf": week * WEEK, "naf": (week + weeks) * WEEK, "week": week}
        return {"pk": box_pk(secret).hex(), **times}, secret.hex()

    first = NOW // WEEK
    roles, secrets = {}, {}
    for role_id in ("registrar", "intake_police", "intake_welfare"):
        weekly = [prekey(first + i) for i in range(3)]
        last_resort = prekey(first, 16)
        secrets[role_id] = [secret for _, secret in (*weekly, last_resort)]
        roles[role_id] = {
            "agency": f"Made-up agency of {role_id}",
            "last_resort": last_resort[0],
            "name": f"Made-up {role_id}",
            "prekeys": [public for public, _ in weekly],
        }
    directory = {
        "centre_id": centre_id.hex(),
        "desks": [
            {"id": b"MADE-UP-DESK-001".hex(), "name": "Made-up desk", "sign_pk": sign_pk(desk_seed).hex()}
        ],
        "devices_revoked": [{"from_seq": 12, "id": b"MADE-UP-DEVICE-9".hex()}],
        "enrol_keys": [sign_pk(enrol_seed).hex()],
        "expires": NOW + 30 * WEEK,
        "future_field": {"readers": "ignore what they do not know"},
        "issued": NOW,
        "min_suite": 1,
        "phones": [
            {
                "hours": [{"day": 0, "end": 1020, "start": 540}],
                "kind": "centre",
                "label": "Made-up centre",
                "number": "000 00 00 00",
            },
            {"hours": [], "kind": "duty", "label": "Made-up duty", "number": "000 00 00 01"},
        ],
        "policies": {
            "intake": {
                "default": ["intake_police", "intake_welfare"],
                "police": ["intake_welfare"],
            },
            "keep": 1,
            "keep_days": 0,
            "opened_by": 2,
            "token_batch": 40,
        },
        "prev_hash": bytes(32).hex(),
        "relay": {"pin": "", "url": "https://relay.example"},
        "roles": roles,
        "root_v": 2,
        "shards": 16,
        "v": 1,
    }
    documents = canonical(root1), canonical(root2), canonical(directory)
    blob = container(1, documents[0], [(0, sign(root_seeds[0], "fs root 1", documents[0]))])
    # Signers of root 2: its own three keys, then the former key at index 3.
    signers = ((0, root_seeds[1]), (2, root_seeds[3]), (3, root_seeds[0]))
    blob += container(1, documents[1], [(i, sign(seed, "fs root 1", documents[1])) for i, seed in signers])
    signers = ((1, dir_seeds[1]), (2, dir_seeds[2]))  # type: ignore[assignment]
    blob += container(
        2, documents[2], [(i, sign(seed, "fs directory 1", documents[2])) for i, seed in signers]
    )
    certificate = canonical(
        {
            "agency": "Made-up agency",
            "centre_id": centre_id.hex(),
            "device_id": b"MADE-UP-DEVICE-1".hex(),
            "first_prekey": box_pk(b"\x21" * 32).hex(),
            "kind": 1,
            "not_before": NOW,
            "roles": ["officer"],
            "sign_pk": sign_pk(b"\x22" * 32).hex(),
        }
    )
    certificate = container(3, certificate, [(0, sign(enrol_seed, "fs cert 1", certificate))])
    (folder / "blob.bin").write_bytes(blob)
    (folder / "certificate.bin").write_bytes(certificate)
    keys = {
        "centre_id": centre_id.hex(),
        "dir_hash": h("fsd1 directory", documents[2]).hex(),
        "dir_seeds": [seed.hex() for seed in dir_seeds],
        "enrol_seed": enrol_seed.hex(),
        "prekey_secrets": secrets,
        "root_seeds": [seed.hex() for seed in root_seeds],
    }
    _write_json(folder / "keys.json", keys)
    return keys | {"certificate": certificate.hex()}


def write_enrolment(source: Source, folder: Path, centre: dict[str, Any]) -> None:
    centre_id, secret = bytes.fromhex(centre["centre_id"]), source.take(16)
    meeting = h("fsd1 enrol id", b"", secret, 16)

    def half(value: bytes, person: str) -> str:
        bits = f"{int.from_bytes(value, 'big'):0128b}{h(person, value, n=16)[0] >> 6:02b}"
        return "".join(ALPHABET[int(bits[i : i + 5], 2)] for i in range(0, 130, 5))

    def message(magic: bytes, direction: bytes, value: Any) -> bytes:
        data = canonical(value)
        plain = (len(data).to_bytes(4, "little") + data).ljust(16_384 - 28 - 16, b"\0")
        nonce = source.take(24)
        aad = magic + meeting + centre_id
        return magic + nonce + aead(h("fsd1 enrol", direction, secret), nonce, plain, aad)

    hello = {
        "first_prekey": box_pk(b"\x21" * 32).hex(),
        "nonce": source.take(16).hex(),
        "sign_pk": sign_pk(b"\x22" * 32).hex(),
        "v": 1,
    }
    answer = {
        "box": "made-up-box",
        "centre_time": NOW,
        "certificate": centre["certificate"],
        "dir_hash": centre["dir_hash"],
        "dir_version": 1,
        "drop_tokens": [source.take(32).hex() for _ in range(40)],
        "nonce": hello["nonce"],
        "read_tokens": [
            {"quarter": NOW // (13 * WEEK) + i, "token": source.take(32).hex()} for i in range(3)
        ],
        "shard": 3,
        "v": 1,
    }
    (folder / "up.bin").write_bytes(message(b"FSEU", b"up", hello))
    (folder / "down.bin").write_bytes(message(b"FSED", b"down", answer))
    seen = centre_id + meeting + bytes.fromhex(hello["sign_pk"]) + bytes.fromhex(hello["first_prekey"])
    value = h("fsd1 digits", seen, n=64)
    groups = [int.from_bytes(value[i : i + 8], "little") % 100_000 for i in range(0, 64, 8)]
    code = half(centre_id, "fsd1 code centre") + half(secret, "fsd1 code secret")
    _write_json(
        folder / "enrolment.json",
        {
            "answer": answer,
            "centre_id": centre_id.hex(),
            "digits": [f"{group:05}" for group in groups],
            "enrol_id": meeting.hex(),
            "hello": hello,
            "qr": f"FSE0:{code}:RELAY.EXAMPLE",
            "secret": secret.hex(),
        },
    )


def write_signing(source: Source, folder: Path) -> None:
    """Write a request for a new root and directory, two holders' signatures, what is published, and a key card."""
    old_seeds, new_seeds, desk_seed = (
        [source.take(32) for _ in range(2)],
        [source.take(32) for _ in range(6)],
        source.take(32),
    )
    root1: dict[str, Any] = {
        "command_keys": [],
        "dir_keys": [sign_pk(old_seeds[1]).hex()],
        "dir_threshold": 1,
        "expires": NOW + 52 * WEEK,
        "prev_hash": bytes(32).hex(),
        "root_keys": [sign_pk(old_seeds[0]).hex()],
        "threshold": 1,
        "v": 1,
    }
    centre_id = h("fsd1 root", canonical(root1))[:16]
    root1["centre_id"] = centre_id.hex()
    root2 = root1 | {
        "dir_keys": [sign_pk(seed).hex() for seed in new_seeds[3:]],
        "dir_threshold": 2,
        "expires": NOW + 104 * WEEK,
        "prev_hash": h("fsd1 root", canonical(root1)).hex(),
        "root_keys": [sign_pk(seed).hex() for seed in new_seeds[:3]],
        "threshold": 2,
        "v": 2,
    }
    first = NOW // WEEK

    def prekey(week: int, weeks: int = 1) -> dict[str, Any]:
        return {
            "naf": (week + weeks) * WEEK,
            "nbf": week * WEEK,
            "pk": box_pk(source.take(32)).hex(),
            "week": week,
        }

    def roles(week: int) -> dict[str, Any]:
        return {
            role: {
                "agency": "Made-up agency",
                "last_resort": prekey(week, 16),
                "name": f"Made-up {role}",
                "prekeys": [prekey(week), prekey(week + 1)],
            }
            for role in ("registrar", "intake")
        }

    directory1: dict[str, Any] = {
        "centre_id": centre_id.hex(),
        "desks": [
            {"id": b"MADE-UP-DESK-001".hex(), "name": "Made-up desk", "sign_pk": sign_pk(desk_seed).hex()}
        ],
        "devices_revoked": [],
        "enrol_keys": [sign_pk(desk_seed).hex()],
        "expires": NOW + 26 * WEEK,
        "issued": NOW,
        "min_suite": 1,
        "phones": [],
        "policies": {
            "intake": {"default": ["intake"]},
            "keep": 1,
            "keep_days": 0,
            "opened_by": 1,
            "token_batch": 40,
        },
        "prev_hash": bytes(32).hex(),
        "relay": {"pin": "", "url": "https://relay.example"},
        "roles": roles(first),
        "root_v": 1,
        "shards": 16,
        "v": 1,
    }
    directory2 = directory1 | {
        "expires": NOW + 50 * WEEK,
        "issued": NOW + 24 * WEEK,
        "prev_hash": h("fsd1 directory", canonical(directory1)).hex(),
        "roles": roles(first + 24),
        "root_v": 2,
        "v": 2,
    }
    r1, r2, d1, d2 = (canonical(value) for value in (root1, root2, directory1, directory2))
    present = container(1, r1, [(0, sign(old_seeds[0], "fs root 1", r1))])
    present += container(2, d1, [(0, sign(old_seeds[1], "fs directory 1", d1))])
    asked = canonical(
        {
            "centre_id": centre_id.hex(),
            "directory": d2.hex(),
            "present": present.hex(),
            "root": r2.hex(),
            "v": 1,
        }
    )
    (folder / "request.bin").write_bytes(container(4, asked, [(0, sign(desk_seed, "fs signing 1", asked))]))
    # Signers of root 2: its own three keys, then the former one at index 3.
    root_seeds = [*new_seeds[:3], old_seeds[0]]
    by_root = {i: (i, sign(root_seeds[i], "fs root 1", r2)) for i in (0, 2, 3)}
    by_directory = {i: (i, sign(new_seeds[3 + i], "fs directory 1", d2)) for i in (0, 2)}
    for name, root_signer, directory_signer in (("first", 0, 0), ("third", 2, 2)):
        signed = container(1, r2, [by_root[root_signer]]) + container(2, d2, [by_directory[directory_signer]])
        (folder / f"{name}.signatures").write_bytes(signed)
    (folder / "former.signatures").write_bytes(container(1, r2, [by_root[3]]))
    published = container(1, r1, [(0, sign(old_seeds[0], "fs root 1", r1))]) + container(
        1, r2, list(by_root.values())
    )
    (folder / "published.bin").write_bytes(published + container(2, d2, list(by_directory.values())))
    card = canonical(
        {
            "directory_key": sign_pk(new_seeds[3]).hex(),
            "name": "Made-up holder",
            "root_key": sign_pk(new_seeds[0]).hex(),
            "v": 1,
        }
    )
    signers = [(i, sign(seed, "fs key card 1", card)) for i, seed in enumerate((new_seeds[0], new_seeds[3]))]
    (folder / "key.card").write_bytes(container(5, card, signers))
    _write_json(
        folder / "signing.json",
        {
            "centre_id": centre_id.hex(),
            "desk_seed": desk_seed.hex(),
            "directory_seeds": [seed.hex() for seed in new_seeds[3:]],
            "former_seeds": [seed.hex() for seed in old_seeds],
            "root_seeds": [seed.hex() for seed in new_seeds[:3]],
        },
    )


def generate(folder: Path, source: Source) -> None:
    """Write all vectors below `folder` with the bytes of `source`."""
    for name in ("envelope", "directory", "enrolment", "signing"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_envelopes(source, folder / "envelope")
    centre = write_directory(source, folder / "directory")
    write_enrolment(source, folder / "enrolment", centre)
    write_signing(source, folder / "signing")


if __name__ == "__main__":
    generate(Path(sys.argv[1]), Source(SEED))

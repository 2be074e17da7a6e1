"""PROTOCOL.md and ATTACKS.md hold what the code holds: every table with a name, a number or an offset is compared."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync import (
    certificate,
    chain,
    chunk,
    code,
    downstream,
    enrolment,
    envelope,
    header,
    outbox,
    protocol,
    receipts,
    root,
    signed,
    signing,
)
from sync.canonical import MAX_DEPTH, MAX_SIZE, loads_object
from sync.directory import Directory
from sync.outbox import TRANSITIONS, OutboxState
from sync.protocol import (
    ALLOWED_TYPES,
    BODY_CAPACITY,
    ENVELOPE_SIZES,
    SIGNED_REASONS,
    MsgType,
    Reason,
    SenderKind,
    Withheld,
)
from sync.receipts import ReceiptKind
from tests.unit.sync.made_up import make_centre

SYNC = Path(protocol.__file__).parent
TEXT = (SYNC / "PROTOCOL.md").read_text(encoding="utf-8")
HERE = Path(__file__).parent


def rows(text: str, heading: str, first_column: str) -> list[list[str]]:
    """Return the cells of the table below `heading` whose first column has this title."""
    start = text.index(heading)
    lines = text[text.index(f"| {first_column} |", start) :].splitlines()
    table = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return table


def word(cell: str) -> str:
    return cell.strip("`")


def sources(*names: str) -> str:
    return "".join((SYNC / f"{name}.py").read_text(encoding="utf-8") for name in names)


def raised(error: str, *names: str) -> set[str]:
    return set(re.findall(rf'{error}\("(\w+)"\)', sources(*names)))


def test_tags() -> None:
    table = rows(TEXT, "## 1.", "constant")
    assert len(table) == 7
    for name, tag in table:
        assert getattr(protocol, word(name)) == word(tag).encode().ljust(16, b"\0")


def test_constants() -> None:
    places = (("## 4.", protocol, 11), ("### 5.5", chunk, 3), ("## 10.", outbox, 3), ("## 11.", protocol, 12))
    for heading, module, count in places:
        table = rows(TEXT, heading, "constant")
        assert len(table) == count
        for name, value in table:
            assert getattr(module, word(name)) == int(value), name


def test_canonical_limits() -> None:
    section = TEXT[TEXT.index("## 2.") : TEXT.index("## 3.")]
    assert f"{MAX_SIZE:,} bytes and {MAX_DEPTH} levels" in section


def test_message_types_and_senders() -> None:
    table = {
        int(number): (word(name), sender.split(", "))
        for number, name, sender in rows(TEXT, "## 3.", "number")
    }
    assert {number: name for number, (name, _) in table.items()} == {int(m): m.name for m in MsgType}
    for number, (_, senders) in table.items():
        allowed = {kind.name.lower() for kind in SenderKind if MsgType(number) in ALLOWED_TYPES[kind]}
        assert set(senders) == allowed


def test_withheld_flags() -> None:
    table = {int(bit): word(name) for bit, name in rows(TEXT, "## 3.", "bit")}
    assert table == {flag.value: flag.name for flag in Withheld}


def test_classes() -> None:
    table = rows(TEXT, "## 5.", "class")
    assert {int(c): int(size) for c, size, _ in table} == ENVELOPE_SIZES
    assert {int(c): int(body) for c, _, body in table} == BODY_CAPACITY


def spans(heading: str) -> Iterator[tuple[int, int, str]]:
    """Yield offset, length and field of a layout table, and check that it has no hole."""
    expected = 0
    for offset, length, field in rows(TEXT, heading, "offset"):
        assert int(offset) == expected, field
        expected += int(length) if length.isdecimal() else 0
        yield int(offset), int(length) if length.isdecimal() else 0, word(field.split(" = ")[0].split(",")[0])


def test_envelope_layout() -> None:
    layout = {field: (offset, length) for offset, length, field in spans("### 5.1")}
    assert layout["FSE1"] == (0, len(protocol.ENVELOPE_MAGIC))
    assert layout["nonce_h"][0] == envelope.NONCE_H_OFFSET
    assert layout["nonce_b"][0] == envelope.NONCE_B_OFFSET
    assert layout["hcommit"][0] == envelope.HCOMMIT_OFFSET
    assert layout["bcommit"][0] == envelope.BCOMMIT_OFFSET
    slots = protocol.SLOT_COUNT * protocol.SLOT_SIZE
    assert layout["8 slots of 112"] == (envelope.SLOTS_OFFSET, slots)
    assert layout["header_ct"] == (protocol.OUTER_SIZE, protocol.HEADER_CT_SIZE)
    assert layout["body_ct"][0] == protocol.BODY_OFFSET


def test_header_layout() -> None:
    layout = [(offset, length) for offset, length, _ in spans("### 5.2")]
    sizes = [int(n or 1) if c == "s" else {"B": 1, "I": 4, "Q": 8}[c] * int(n or 1) for n, c in fields()]
    assert [length for _, length in layout[:-2]] == sizes
    assert layout[-2] == (protocol.HEADER_SIGNED_SIZE, 64)
    assert sum(layout[-1]) == protocol.HEADER_SIZE
    assert header.SIGNED_PART.size == protocol.HEADER_SIGNED_SIZE


def fields() -> list[tuple[str, str]]:
    """The fields of the packed header, one each."""
    parts = re.findall(r"(\d*)([sBIQ])", header.SIGNED_PART.format)
    return [part for n, c in parts for part in ([(n, c)] if c == "s" else [("1", c)] * int(n or 1))]


def test_header_fields_are_named_in_order() -> None:
    names = [re.split(r"[ :(]", field)[0] for _, _, field in spans("### 5.2")]
    assert names[2:14] == list(header.Header.__dataclass_fields__)


def test_rejection_reasons_in_order_with_their_kind() -> None:
    table = rows(TEXT, "### 5.4", "step")
    assert [word(reason) for _, reason, _, _ in table] == [reason.value for reason in Reason]
    for _, reason, kind, _ in table:
        assert (kind == "quarantined") == (Reason(word(reason)) in SIGNED_REASONS)


@pytest.mark.parametrize(
    ("heading", "error", "modules"),
    [
        ("### 5.3", "SealRefused", ("envelope", "header")),
        ("### 6.4", "DirectoryRejected", ("signed", "root", "directory", "trust", "certificate", "signing")),
        ("### 8.2", "EnrolmentFailed", ("code", "enrolment")),
        ("### 10.1", "CarriedRejected", ("carried",)),
    ],
)
def test_every_reason_of_the_other_errors(heading: str, error: str, modules: tuple[str, ...]) -> None:
    named = {word(row[0]) for row in rows(TEXT, heading, f"`{error}`")}
    indirect = {"code_centre", "code_secret"} & named  # passed as a parameter
    assert named == raised(error, *modules) | indirect


def test_container_layout() -> None:
    table = rows(TEXT, "### 6.1", "offset")
    assert [row[0] for row in table[:4]] == ["0", "4", str(signed.LENGTH_OFFSET), str(signed.DOCUMENT_OFFSET)]
    assert table[-1][1] == f"{signed.SIGNATURE_ENTRY_SIZE} each"
    assert set(signed.TAGS) == {1, 2, 3, 4, 5}
    assert all(f"{number} " in table[1][2] for number in signed.TAGS)
    assert f"1 to {protocol.MAX_SIGNERS}" in table[4][2]


def test_document_fields() -> None:
    assert "`{" + ", ".join(root._FIELDS) + "}`" in TEXT
    assert "`{" + ", ".join(certificate._FIELDS) + "}`" in TEXT
    directory = replace(make_centre().directory, devices_suspended=(bytes(16),))
    document = loads_object(directory.to_bytes())
    assert "`{" + ", ".join(signing._REQUEST_FIELDS) + "}`" in TEXT
    assert "`{" + ", ".join(signing._CARD_FIELDS) + "}`" in TEXT
    assert f"{signing.MAX_REQUEST:,} bytes" in TEXT
    assert {word(row[0]) for row in rows(TEXT, "### 6.3", "field")} == set(document)
    assert Directory.from_bytes(make_centre().directory.to_bytes()).shards == protocol.SHARD_COUNT


def test_enrolment_layout() -> None:
    table = rows(TEXT, "### 8.2", "offset")
    assert [int(row[0]) for row in table] == [0, enrolment.NONCE_OFFSET, enrolment.CIPHERTEXT_OFFSET]
    assert int(table[-1][0]) + int(table[-1][1]) == protocol.ENROLMENT_SIZE
    for magic in (enrolment.UP_MAGIC, enrolment.DOWN_MAGIC):
        assert f"`{magic.decode()}`" in table[0][2]
    assert code.ALPHABET in TEXT
    assert f"`{code.QR_MAGIC}:` {code.CODE_LENGTH} characters" in TEXT
    limits = f"at most {enrolment.MAX_DROP_TOKENS} drop and {enrolment.MAX_READ_TOKENS} read"
    assert limits in TEXT.replace("\n", " ")


def test_receipt_kinds() -> None:
    assert {word(row[0]) for row in rows(TEXT, "## 7.", "kind")} == {kind.value for kind in ReceiptKind}
    assert f"1 to {receipts.MAX_ITEMS} items" in TEXT


def test_bodies_from_a_centre() -> None:
    written = {
        word(row[0]): set(word(row[1]).strip("{}").split(", "))
        for row in rows(TEXT, "### 7.1 Other bodies", "type")
    }
    bodies = {
        "DIRECTORY": downstream.DirectoryNotice(1, bytes(32)),
        "POLICY": downstream.DevicePolicy(1, 1, 0, 1, 60, 0),
        "MESSAGE": downstream.Message(1, "Intake", "made-up text"),
        "SAFE_CONTACT_UPDATE": downstream.RulesUpdate(bytes(16), 1, b"", 1, "Intake", {}),
        "WIPE": downstream.WipeOrder(bytes(16), bytes(16), 1),
        "REKEY": downstream.Rekey(1),
    }
    assert {name: set(body.to_value()) for name, body in bodies.items()} == written
    assert {MsgType[name] for name in written} < ALLOWED_TYPES[SenderKind.DESK]
    assert f"{downstream.MAX_TEXT} printable" in TEXT
    assert f"at most {downstream.WIPE_LIFETIME // protocol.DAY} days ahead" in TEXT


def test_chain_outcomes() -> None:
    table = {word(row[0]) for row in rows(TEXT, "## 9.", "outcome")}
    assert table == {outcome.value for outcome in chain.ChainOutcome}


def test_outbox_transitions() -> None:
    table = {
        OutboxState(word(state)): {OutboxState(name) for name in re.findall(r"`(\w+)`", nexts)}
        for state, nexts in rows(TEXT, "## 10.", "state")
    }
    assert table == TRANSITIONS


def test_every_personalisation_of_the_code_is_in_the_document() -> None:
    used = set(re.findall(r'b"(fs(?:[de]1)? [a-z ]+)"', sources(*(p.stem for p in SYNC.glob("*.py")))))
    assert len(used) >= 16
    for person in used:
        assert f'"{person}"' in TEXT or f"`{person}`" in TEXT, person


def test_prekey_rules_in_words() -> None:
    assert f"min(wall clock, `issued` + {protocol.PREKEY_WEEKS_AHEAD} weeks)" in TEXT
    assert f"{protocol.PREKEY_GRACE // protocol.DAY} days after naf" in TEXT


def test_every_attack_names_a_test_that_exists() -> None:
    attacks = (SYNC / "ATTACKS.md").read_text(encoding="utf-8")
    named = re.findall(r"\| (?:(\w+)/)?(\w+) `(test_\w+)` \|", attacks)
    assert len(named) == len(re.findall(r"`test_\w+`", attacks)) > 38
    for folder, file, test in named:
        above = HERE.parents[1] if folder in ("property", "browser") else HERE.parent
        place = above / folder if folder else HERE
        assert f"def {test}(" in (place / f"test_{file}.py").read_text(encoding="utf-8"), test

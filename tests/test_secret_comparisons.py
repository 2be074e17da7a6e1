"""Secrets are compared in constant time (security: section 0): never with ``==`` or ``!=``."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECRETS = {
    "code", "commit", "commitment", "device_secret", "drop", "hcommit", "bcommit", "k_b", "k_h", "kek", "mac",
    "passphrase", "password", "pin", "prekey_secret", "proof", "secret", "seed", "stretched", "tag", "token", "vmk",
    "vmk_next", "outbox_key", "box_key", "ds", "bk", "answer_key",
}  # fmt: skip
"""Names that hold a key, a code, a token, or what is derived from one, alone or as the last word of a longer name."""
PUBLIC = {
    "fieldapp/codec/fields.py": "code: the word of an enumeration on the disk",
    "fieldapp/ui/screens/screening/result.py": "code: the word of a level or a band",
    "sync/spki.py": "tag: the kind of a DER value in a certificate",
    "sync/transport.py": "pin: the hash of a public key",
    "fieldapp/services/desk/tokens.py": "token: which of the desk's own a batch has taken",
}
"""Files in which a name of `SECRETS` means something public."""
CONSTANTS = (ast.Constant, ast.List, ast.Tuple, ast.Set)
TURNED = {
    "hex", "encode", "decode", "strip", "lower", "upper", "casefold", "digest", "hexdigest", "bytes", "str", "b64encode",
}  # fmt: skip
"""What makes another form of the same secret."""
ASKING = {"eq", "ne", "__eq__", "__ne__", "is_", "startswith", "endswith", "index", "find", "count"}
"""Comparisons by a call."""


def named(node: ast.AST) -> str:
    """Return the last part of a plain or dotted name, of what a key takes out, or of what is turned into another form; ""
    for anything else.
    """
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_")
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Slice):
            return named(node.value)
        return str(node.slice.value) if isinstance(node.slice, ast.Constant) else ""
    if isinstance(node, ast.Call):
        made = named(node.func)
        if made in TURNED:
            inner = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
            return next((named(one) for one in inner if is_secret(one)), "")
        return made
    return node.id.lstrip("_") if isinstance(node, ast.Name) else ""


def is_secret(node: ast.AST) -> bool:
    words = named(node).split("_")
    return any("_".join(words[n:]) in SECRETS for n in range(len(words)))


def is_fixed(side: ast.AST, holder: list[ast.expr]) -> bool:
    """Whether a value is written in the code, or is a part of what it is compared with."""
    names = {node.id for node in ast.walk(side) if isinstance(node, ast.Name)}
    same = {node.id for one in holder for node in ast.walk(one) if isinstance(node, ast.Name)}
    fixed = isinstance(side, CONSTANTS) or all(name.isupper() for name in names)
    return fixed or bool(same and same <= names)


def offences(tree: ast.AST) -> Iterator[int]:
    """Yield the line of every plain comparison of a secret with something that is not a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            plain = any(isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot) for op in node.ops)
            among = isinstance(node.ops[0], ast.In | ast.NotIn) and is_secret(node.left)
            if ((plain and any(map(is_secret, sides))) or among) and not any(
                isinstance(side, CONSTANTS) for side in sides
            ):
                yield node.lineno
        elif isinstance(node, ast.Call):
            asked = ast.unparse(node.func).split(".")[-1]
            holder = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            secret = any(map(is_secret, [*holder, *(node.args if asked in ("eq", "ne") else ())]))
            if asked in ASKING and secret and not any(is_fixed(side, holder) for side in node.args):
                yield node.lineno
        elif isinstance(node, ast.Match) and is_secret(node.subject):
            yield node.lineno


def test_no_secret_is_compared_with_a_plain_operator() -> None:
    found = []
    for package in ("fieldapp", "sync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in PUBLIC:
                found += [f"{name}:{line}" for line in offences(ast.parse(path.read_text("utf-8")))]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "a.token == other",
        "self._vmk != b",
        "x == passphrase",
        "kek == y.kek",
        "old_passphrase == typed",
        "row['token'] == other",
        "token[:16] == other[:16]",
        "kek.hex() == other",
        "str(pin) == typed",
        "make_token() == other",
        "operator.eq(token, other)",
        "eq(other, vmk)",
        "token.__eq__(other)",
        "secret in known",
        "token not in known",
        "token is other",
        "passphrase.startswith(typed)",
        "match token:\n    case other.value: pass",
    ],
)
def test_the_lint_sees_each_offence(code: str) -> None:
    assert list(offences(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "token == ''",
        "same(vmk, other)",
        "len(code) == n",
        "a.token is None",
        "quarter in tokens",
        "status_code in (200, 201)",
        "data[4] not in TAGS",
        "name.startswith('pin')",
    ],
)
def test_it_leaves_what_is_no_comparison_of_secrets(code: str) -> None:
    assert not list(offences(ast.parse(code)))

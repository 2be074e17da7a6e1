"""Secrets are compared in constant time (security: section 0): never with ``==`` or ``!=``."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECRETS = {
    "code", "commit", "commitment", "device_secret", "drop", "hcommit", "bcommit", "k_b", "k_h", "kek", "mac",
    "passphrase", "password", "pin", "prekey_secret", "proof", "secret", "seed", "stretched", "tag", "token", "vmk",
    "vmk_next", "outbox_key",
}  # fmt: skip
"""Last parts of names that hold a key, a code, a token, or what is derived from one."""
PUBLIC = {
    "fieldapp/codec/fields.py": "code: the word of an enumeration on the disk",
    "fieldapp/ui/screens/screening/result.py": "code: the word of a level or a band",
    "sync/spki.py": "tag: the kind of a DER value in a certificate",
    "sync/transport.py": "pin: the hash of a public key",
}
"""Files in which a name of `SECRETS` means something public."""
CONSTANTS = (ast.Constant, ast.List, ast.Tuple, ast.Set)


def named(node: ast.AST) -> str:
    """Return the last part of a plain or dotted name, "" for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_")
    return node.id.lstrip("_") if isinstance(node, ast.Name) else ""


def offences(tree: ast.AST) -> Iterator[int]:
    """Yield the line of every plain comparison of a secret with something that is not a constant."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        plain = any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        secret = any(named(side) in SECRETS for side in sides)
        if plain and secret and not any(isinstance(side, CONSTANTS) for side in sides):
            yield node.lineno


def test_no_secret_is_compared_with_a_plain_operator() -> None:
    found = []
    for package in ("fieldapp", "sync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in PUBLIC:
                found += [f"{name}:{line}" for line in offences(ast.parse(path.read_text("utf-8")))]
    assert found == []


@pytest.mark.parametrize("code", ["a.token == other", "self._vmk != b", "x == passphrase", "kek == y.kek"])
def test_the_lint_sees_each_offence(code: str) -> None:
    assert list(offences(ast.parse(code)))


@pytest.mark.parametrize("code", ["token == ''", "same(vmk, other)", "len(code) == n", "a.token is None"])
def test_it_leaves_what_is_no_comparison_of_secrets(code: str) -> None:
    assert not list(offences(ast.parse(code)))

"""The domain core imports nothing but the standard library, itself and the error tree."""

import ast
import sys
from pathlib import Path

import pytest

DOMAIN = Path(__file__).parent.parent / "fieldapp" / "domain"
MODULES = sorted(DOMAIN.glob("*.py"))


def foreign_imports(source: str) -> list[str]:
    """Return what ``source`` imports from outside, anywhere in it, also inside functions."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return [name for name in names if not allowed(name)]


def allowed(name: str) -> bool:
    own = name == "fieldapp.errors" or name.startswith("fieldapp.domain.")
    return own or name.split(".")[0] in sys.stdlib_module_names


def test_there_are_modules_to_check() -> None:
    assert {"triage.py", "instrument.py", "screening.py", "contact.py"} <= {m.name for m in MODULES}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_domain_module_imports_only_the_standard_library(module: Path) -> None:
    assert foreign_imports(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    ["import nacl", "def f():\n    import httpx", "from fieldapp.vault import store", "from . import x"],
)
def test_a_planted_import_is_found(planted: str) -> None:
    assert foreign_imports(planted)

"""docs/masvs.md has a row for every control of MASVS 2.1, and names tests and files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTROLS = {
    f"{group}-{number}"
    for group, count in {
        "STORAGE": 2,
        "CRYPTO": 2,
        "AUTH": 3,
        "NETWORK": 2,
        "PLATFORM": 3,
        "CODE": 4,
        "RESILIENCE": 4,
        "PRIVACY": 4,
    }.items()
    for number in range(1, count + 1)
}
STATES = {"met", "in part", "not met"}


def rows() -> dict[str, tuple[str, str]]:
    """Return state and evidence of each control."""
    found = re.findall(
        r"^\| ([A-Z]+-\d) \| [^|]+ \| ([^|]+) \| (.+) \|$",
        (ROOT / "docs" / "masvs.md").read_text(),
        re.MULTILINE,
    )
    return {control: (state, evidence) for control, state, evidence in found}


def missing(evidence: str) -> list[str]:
    """Return what is named and is not there: "path" and "path::test"; "::test" stands in the file named before."""
    path, lost = "", []
    for file, test in re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.\w+|\.ci/run)?(?:::(\w+))?`", evidence):
        path = file or path
        place = ROOT / path
        if not path or not place.is_file() or (test and f"def {test}(" not in place.read_text()):
            lost.append(f"{path}::{test}")
    return lost


def test_every_control_has_its_state_and_all_that_is_named_exists() -> None:
    found = rows()
    assert set(found) == CONTROLS
    assert {state for state, _ in found.values()} == STATES
    assert {control: missing(evidence) for control, (_, evidence) in found.items() if missing(evidence)} == {}


def test_a_control_is_only_met_with_a_test() -> None:
    without = [
        c for c, (state, evidence) in rows().items() if state != "not met" and "::test_" not in evidence
    ]
    assert without == []


def test_the_check_sees_a_test_or_a_file_that_is_gone() -> None:
    assert missing("`tests/test_masvs_document.py::test_that_was_renamed`")
    assert missing("`docs/no-such-page.md`, `::test_nowhere`")
    assert not missing(
        "`tests/test_masvs_document.py`, `::test_a_control_is_only_met_with_a_test`, `.ci/run`"
    )

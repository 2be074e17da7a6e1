"""docs/failure-stories.md names tests that exist: a story whose test was renamed or lost is not shown any more."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STORIES = set(range(1, 33))


def test_every_story_has_its_row_and_every_named_test_exists() -> None:
    rows = re.findall(
        r"^\| (\d+) \|.*\| (.*) \|$", (ROOT / "docs" / "failure-stories.md").read_text(), re.MULTILINE
    )
    assert {int(number) for number, _ in rows} == STORIES
    for _, shown_by in rows:
        path = ""
        named = re.findall(r"`([^`:]*)(?:::(\w+))?`", shown_by)
        assert named
        for file, test in named:
            path = file or path
            text = (ROOT / path).read_text()
            assert f"def {test}(" in text if test else "def test_" in text, f"{path}::{test}"

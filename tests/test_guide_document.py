"""docs/guide-field.md calls things by the names that the app shows, and its pictures exist and are small."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
GUIDE = (DOCS / "guide-field.md").read_text("utf-8")
CATALOGUE = DOCS.parent / "assets" / "locale" / "nl" / "LC_MESSAGES" / "fieldapp.po"
MOST_BYTES = 40_000


def shown() -> set[str]:
    """Every word or sentence of the interface, in English."""
    joined = re.sub(r'"\n"', "", CATALOGUE.read_text("utf-8"))
    return {words.replace('\\"', '"') for words in re.findall(r'^msgid "(.+)"$', joined, re.MULTILINE)}


def test_what_the_guide_tells_to_press_stands_on_a_screen() -> None:
    named = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", GUIDE))
    assert len(named) > 15
    assert named - shown() == set()


def test_every_picture_is_there_small_and_shown() -> None:
    pictures = {DOCS / name for name in re.findall(r"\]\((guide/[^)]+)\)", GUIDE)}
    assert pictures == set((DOCS / "guide").glob("*.webp"))
    assert all(picture.stat().st_size <= MOST_BYTES for picture in pictures)

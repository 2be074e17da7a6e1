r"""Make the pictures of the guide, small, from the screenshots of the browser tests.

    FIELDAPP_BROWSER=required pytest tests/browser/test_journey.py tests/browser/test_field_walk.py \
        tests/browser/test_screening.py tests/browser/test_forced.py tests/browser/test_notes.py \
        tests/browser/test_telling.py
    python docs/guide/pictures.py

The tests write ``shots/``, which git ignores; people, words and codes in them are made up. Look at each picture before
it is committed.
"""

from pathlib import Path
from typing import Final

from PIL import Image

SHOTS: Final = Path(__file__).resolve().parents[2] / "shots"
PICTURES: Final = {
    "lock": "journey-07-lock",
    "passphrase": "journey-04-passphrase",
    "digits": "journey-06-digits",
    "home": "journey-11-waiting",
    "alone": "screening-1-opening",
    "question": "screening-3-question",
    "act-now": "screening-4-act-now",
    "result": "journey-09-result",
    "finished": "journey-10-done",
    "sent": "journey-15-opened",
    "overview": "outreach-2-overview",
    "case": "case",
    "distress": "contact-distress",
    "forced": "forced",
    "notes": "notes-4-list",
    "notes-choice": "notes-2-choice",
    "put-back": "told-9-older-lock",
    "sealed-copy": "told-8-sealed-copy",
}
"""The name in the guide, and the screenshot of a phone in light colours."""
WIDTH: Final = 360
"""Pixels: a phone's width on a page that shows three beside each other."""
MOST_BYTES: Final = 40_000


def main() -> None:
    """Write every picture beside this file; stops when one is missing or too large."""
    for name, shot in PICTURES.items():
        picture = Image.open(SHOTS / f"phone-light-{shot}.png").convert("RGB")
        small = picture.resize(
            (WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS
        )
        target = Path(__file__).with_name(f"{name}.webp")
        small.save(target, "WEBP", quality=80, method=6)
        if target.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{target.name} is larger than {MOST_BYTES} bytes.")


if __name__ == "__main__":
    main()

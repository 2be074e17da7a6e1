"""The field app whose centre says something about its device when the test types a standing.

While it is enrolled a PIN is allowed on it, and when it shall wait no longer.
"""

from fieldapp.services.filing import Book
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.membership import Standing
from fieldapp.services.number_pad import NumberPad
from fieldapp.services.passphrases import Choice
from tests.browser import field_app

_SAID: list[Standing] = [Standing.ENROLLED]

Book.standing = property(lambda _book: _SAID[-1])  # type: ignore[method-assign,assignment]

DeviceBook.choice = property(  # type: ignore[method-assign,assignment]
    lambda _book: Choice.PIN_OR_PASSPHRASE if _SAID[-1] is Standing.ENROLLED else Choice.PASSPHRASE
)
field_app.GATE.model = "Made Up 8"
field_app.GATE.pad = NumberPad(field_app.GATE.shelf, field_app.GATE._worker, possible=True)

main = field_app.main


def answer(line: str) -> str:
    """Let the device stand as `line` names it."""
    _SAID.append(Standing(line))
    return "done"

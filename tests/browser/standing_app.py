"""The field app whose centre says something about its device when the test types a standing."""

from fieldapp.services.filing import Book
from fieldapp.services.membership import Standing
from tests.browser import field_app

_SAID: list[Standing] = [Standing.ENROLLED]

Book.standing = property(lambda _book: _SAID[-1])  # type: ignore[method-assign,assignment]

main = field_app.main


def answer(line: str) -> str:
    """Let the device stand as `line` names it."""
    _SAID.append(Standing(line))
    return "done"

"""Keep the word lists in step with the program: ``python -m tests.locale_tools update`` (or ``check``).

Messages are the literal first arguments of ``t(...)`` and the first two of ``tn(...)`` in the kit, ui and desk of
``fieldapp``. `update` merges them into ``assets/locale/<language>/LC_MESSAGES/fieldapp.po`` and compiles the ``.mo``
beside it. A message that is new stands there untranslated until a person translates it; the tests fail until then.
"""

import ast
import io
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "assets" / "locale"
TRANSLATED = ("nl", "fr", "de")
PLACES = ("kit", "ui", "desk")
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
"""A fixed date in the header: the same words give the same file."""
MessageId = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A message and the file (relative to the checkout) that shows it."""

    message: MessageId
    file: str


def messages(root: Path = ROOT) -> Iterator[Found]:
    """Yield every message of the program.

    Raises:
        ValueError: a call of ``t`` or ``tn`` whose message is not a literal, so it cannot be translated.

    """
    paths = [path for place in PLACES for path in (root / "fieldapp" / place).rglob("*.py")]
    for path in sorted(paths):
        file = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (count := _literals(node)):
                yield Found(_message(node, count, file), file)


def _literals(call: ast.Call) -> int:
    """Return how many leading arguments of `call` are message ids: 1 for ``t``, 2 for ``tn``, else 0."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return {"t": 1, "tn": 2}.get(name, 0)


def _message(call: ast.Call, count: int, file: str) -> MessageId:
    words = [
        argument.value
        for argument in call.args[:count]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    if len(words) != count:
        raise ValueError(f"{file}:{call.lineno}: t() and tn() need literal text")
    return (words[0], words[1]) if count == 2 else words[0]


def po_path(language: str) -> Path:
    """Return where the word list of `language` lies."""
    return LOCALE / language / "LC_MESSAGES" / "fieldapp.po"


def read_catalogue(language: str) -> Catalog:
    """Return the word list of `language`; an empty one if it does not exist."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, domain="fieldapp")
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="fieldapp")


def merged(language: str) -> Catalog:
    """Return the word list with exactly the messages of the program, keeping the translations it has."""
    known = {message.id: message.string for message in read_catalogue(language) if message.id}
    catalogue = Catalog(
        locale=language,
        domain="fieldapp",
        project="fieldapp",
        version="1",
        header_comment="# Words of fieldapp. Update with: python -m tests.locale_tools update",
        creation_date=UNDATED,
        revision_date=UNDATED,
        last_translator="",
        language_team="",
        msgid_bugs_address="",
        fuzzy=False,
    )
    for found in messages():
        catalogue.add(found.message, known.get(found.message, ""), locations=[(found.file, 0)])
    return catalogue


def compiled(catalogue: Catalog) -> bytes:
    """Return the ``.mo`` of `catalogue`; the same bytes for the same translations."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def placeholders(text: str) -> set[str]:
    """Return the names in braces of `text`."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def update() -> None:
    """Rewrite every word list and compile it."""
    for language in TRANSLATED:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = merged(language)
        with path.open("wb") as file:
            write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(read_catalogue(language)))


def problems() -> list[str]:
    """Return one line for everything that is missing, doubtful, wrong or stale in the word lists."""
    found: list[str] = []
    wanted = {entry.message for entry in messages()}
    for language in TRANSLATED:
        catalogue = read_catalogue(language)
        present = {message.id: message for message in catalogue if message.id}
        found += [f"{language}: missing {message!r}" for message in wanted - present.keys()]
        found += [f"{language}: no longer used {message!r}" for message in present.keys() - wanted]
        for message_id in wanted & present.keys():
            found += [f"{language}: {fault} {message_id!r}" for fault in _faults(present[message_id])]
        mo = po_path(language).with_suffix(".mo")
        if not mo.exists() or mo.read_bytes() != compiled(catalogue):
            found.append(f"{language}: fieldapp.mo is stale")
    return sorted(found)


def _faults(message: object) -> Iterator[str]:
    source = getattr(message, "id")  # noqa: B009  (babel's Message is not typed)
    target = getattr(message, "string")  # noqa: B009
    sources = source if isinstance(source, tuple) else (source,)
    targets = target if isinstance(target, tuple) else (target,)
    if getattr(message, "fuzzy"):  # noqa: B009
        yield "doubtful"
    if not all(targets):
        yield "untranslated"
        return
    names = set[str]().union(*(placeholders(text) for text in sources))
    # A singular may say "one" in words, so only the last form has to hold every name.
    if placeholders(targets[-1]) != names or any(placeholders(text) - names for text in targets):
        yield "other placeholders in"


def main(arguments: list[str]) -> int:
    """Run ``update`` or ``check``; return the exit code."""
    if arguments == ["update"]:
        update()
    elif arguments != ["check"]:
        print("usage: python -m tests.locale_tools update|check")
        return 2
    lines = problems()
    print("\n".join(lines) or "all messages are translated")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Looking for words in files: plain, in other encodings, in packed files, and where a copy was only deleted."""

import base64
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

STEM: Final = "canarybïrd"
"""Every canary begins so: with a letter outside of ASCII, which encodings write in different ways."""
WORD: Final = STEM + "{n}word"

_DEEPEST: Final = 4
"""Packed files in packed files."""
_UNPACK: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": gzip.decompress,
    b"\xfd7zXZ\0": lzma.decompress,
    b"\x78": zlib.decompress,
}
"""What a packed file begins with, and how it is unpacked. Zips have a way of their own."""


def canary(n: int) -> str:
    """A made-up word that occurs nowhere else."""
    return WORD.format(n=n)


def traces(word: str | bytes) -> set[bytes]:
    """Every form in which a program could have written `word`: text in its encodings, or bytes as they are, and packed
    into hexadecimal digits or base64.
    """
    if isinstance(word, bytes):
        return {word, *_as_text(word)}
    encoded = {word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be"), word.encode("utf-32-le")}
    escaped = {json.dumps(word)[1:-1], quote(word), ascii(word)[1:-1]}
    found = {*encoded, word.upper().encode(), word.encode("latin-1", "ignore")}
    found |= {form.encode() for form in escaped}
    for form in encoded:
        found |= _as_text(form)
    return found


def _as_text(data: bytes) -> set[bytes]:
    digits = data.hex().encode()
    found = {digits, digits.upper()}
    for offset in range(3):  # base64 of data in which this begins at any place
        padded = b"\0" * offset + data
        found |= {encode(padded)[4:-4] for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return found


def leaks(words: Iterable[str | bytes], folders: Iterable[Path]) -> list[str]:
    """Return "word in file" for every word that stands in any file below the folders, or in its name, in any form."""
    words = list(words)
    # Most files hold no canary at all: then one look for all of them is enough.
    every = [(word, traces(word)) for word in words]
    others = [(word, forms) for word, forms in every if not _is_canary(word)]
    stem = traces(STEM) if len(others) < len(every) else set()
    found = []
    for file, data in _files(folders):
        there = {
            word
            for part in data
            for word, forms in (every if any(form in part for form in stem) else others)
            if any(form in part for form in forms)
        }
        found += [f"{word!s} in {file.name}" for word in words if word in there]
    return found


def _files(folders: Iterable[Path]) -> Iterator[tuple[Path, list[bytes]]]:
    """Give what is in the folders, with its name and all that it holds."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.name.encode("utf-8", "surrogateescape")
            yield path, [name, *(_contents(path.read_bytes()) if path.is_file() else ())]


def _is_canary(word: str | bytes) -> bool:
    return isinstance(word, str) and word.startswith(STEM)


def _contents(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Give what a file holds, and what is packed in it."""
    yield data
    if depth == _DEEPEST:
        return
    for begin, unpack in _UNPACK.items():
        if data.startswith(begin):
            try:
                inner = unpack(data)
            except (OSError, EOFError, lzma.LZMAError, zlib.error):
                continue  # it only began like one
            yield from _contents(inner, depth + 1)
    if data.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                for name in packed.namelist():
                    yield name.encode()
                    yield from _contents(packed.read(name), depth + 1)
        except zipfile.BadZipFile:
            return

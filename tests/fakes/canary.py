"""Looking for words in files: plain, in other encodings, and where a copy was only deleted."""

import base64
from collections.abc import Iterable
from pathlib import Path

WORD = "canarybird{n}word"


def canary(n: int) -> str:
    """A made-up word that occurs nowhere else."""
    return WORD.format(n=n)


def traces(word: str) -> set[bytes]:
    """Every form in which a program could have written `word`."""
    plain = word.encode()
    found = {plain, plain.upper(), word.encode("utf-16-le"), word.encode("utf-16-be"), plain.hex().encode()}
    for offset in range(3):  # base64 of text in which the word begins at any place
        encoded = base64.b64encode(b"\0" * offset + plain)
        found.add(encoded[4:-4])
    return found


def leaks(words: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """Return "word in file" for every word that stands in any file below the folders, in any form."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    contents = [(file, file.read_bytes()) for file in files]
    return [
        f"{word} in {file.name}"
        for word in words
        for file, data in contents
        if any(trace in data for trace in traces(word))
    ]

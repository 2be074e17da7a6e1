"""``fieldapp keys``: a key holder with a computer, a medium and a file; everything wrong is one line."""

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.keys_command import create_keys, describe, load_request
from fieldapp.services import custody
from fieldapp.vault import FLOOR
from sync.comparison import key_label
from sync.directory import Directory
from sync.signing import read_card
from tests.relay.harness import FakeClock
from tests.unit.centre.desk import NOW, DeskClock, World, in_world

CLOCK = DeskClock(FakeClock(NOW))


def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fieldapp", "keys", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_key_is_made_once_and_its_words_open_it(tmp_path: Path) -> None:
    made = run("create", tmp_path, "--name", "Made-up holder")
    assert made.returncode == 0, made.stderr
    (folder,) = tmp_path.iterdir()
    (card,) = folder.glob("*.card")
    public = read_card(card.read_bytes())
    assert public.name == "Made-up holder"
    assert key_label(public.directory_key) in made.stdout
    (words,) = re.findall(r"^  ((?:[a-z-]+ ){6}[a-z-]+)$", made.stdout, re.MULTILINE)
    with custody._open(custody.find_key_vault(tmp_path), words, CLOCK) as vault:
        assert custody._keys(vault)[1].directory.public == public.directory_key


def test_a_request_is_shown_in_plain_words_and_signed(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        (paper,), signing = world.ceremony.papers, world.centre.signing
        await signing.replace_prekeys()
        path = await signing.write_request(tmp_path)
        shown = await asyncio.to_thread(run, "show", path)
        assert shown.returncode == 0, shown.stderr
        assert f"Centre {key_label(world.centre.centre_id)}" in shown.stdout
        assert "version 2 of the centre's address list" in shown.stdout
        assert (
            "Keys already published are replaced at once: Intake; Police at the centre; Registrar"
            in shown.stdout
        )
        assert "Careful: today is" in shown.stdout  # the made-up time is far from that of this computer
        no = await asyncio.to_thread(run, "sign", path, paper.folder, stdin="n\n")
        assert no.returncode == 130
        wrong = await asyncio.to_thread(run, "sign", path, paper.folder, "--yes", stdin="a wrong one\n")
        assert wrong.returncode == 2
        # Before it stands what Python says about a prompt without a terminal.
        assert wrong.stderr.splitlines()[-1].startswith("fieldapp: FOLDER: ")
        assert not list(tmp_path.glob("*.signatures"))
        stdin = f"y\n{paper.words}\n"
        signed = await asyncio.to_thread(run, "sign", path, paper.folder, stdin=stdin)
        assert signed.returncode == 0, signed.stderr
        assert paper.words not in signed.stdout + signed.stderr
        assert await signing.read_signatures(tmp_path) == 1
        assert signing.proposal
        assert signing.proposal.complete

    in_world(tmp_path, body)


def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty.request").write_bytes(b"")
    (tmp_path / "made up.request").write_bytes(b"FSD1 made up")
    (tmp_path / "folder").mkdir()
    for arguments in (
        ["show", tmp_path / "missing.request"],
        ["show", tmp_path],
        ["show", tmp_path / "empty.request"],
        ["sign", tmp_path / "made up.request", tmp_path / "folder"],
        ["create", tmp_path / "missing"],
        ["create", tmp_path / "empty.request"],
        ["create", tmp_path / "folder", "--name", "x" * 61],
        ["bogus"],
    ):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (2, ""), arguments
        assert result.stderr.startswith("fieldapp: ")
        assert result.stderr.count("\n") == 1


def test_a_name_that_could_move_the_cursor_is_shown_without_it(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        signing = world.centre.signing

        def renamed(directory: Directory) -> Directory:
            role = replace(directory.roles["intake"], name="In\x1b[2Atake\r\u202e")
            return replace(directory, roles=directory.roles | {"intake": role}, expires=1 << 52)

        await signing.propose(renamed)
        told = describe(load_request(await signing.write_request(tmp_path)), CLOCK)
        assert "In?[2Atake??" in told
        assert all(letter.isprintable() or letter == "\n" for letter in told)
        assert str(1 << 52) in told  # no calendar holds it: shown as it stands there

    in_world(tmp_path, body)


def test_a_medium_with_two_keys_or_none_is_not_guessed_about(tmp_path: Path) -> None:
    with pytest.raises(custody.KeyFolderUnusable):
        custody.find_key_vault(tmp_path)
    one = create_keys(tmp_path, "", CLOCK, FLOOR)
    assert custody.find_key_vault(tmp_path) == one.folder
    create_keys(tmp_path, "", CLOCK, FLOOR)
    with pytest.raises(custody.KeyFolderUnusable):
        custody.find_key_vault(tmp_path)
    assert custody.find_key_vault(one.folder) == one.folder

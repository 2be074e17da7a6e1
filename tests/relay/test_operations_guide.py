"""docs/operations.md names only what the command has, and leaves out nothing that an operator can set."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from fieldapp.__main__ import main as app
from sync.relay.__main__ import main

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def commands(group: click.Command, path: str = "") -> dict[str, set[str]]:
    """Every command of ours with its options."""
    found = {path: {name for option in group.params for name in option.opts if name.startswith("--")}}
    for name, command in getattr(group, "commands", {}).items():
        found |= commands(command, f"{path} {name}".strip())
    return found


OURS = commands(main)
STAGING = commands(app)["stage"]
"""What lays out a package for phones."""


def named(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_every_option_of_the_command_is_explained() -> None:
    explained = set(re.findall(r"^\| `(--[a-z-]+)`", GUIDE, re.MULTILINE)) | named(
        GUIDE[GUIDE.index("## Check") : GUIDE.index("## TLS proxy")]
    )
    assert set.union(*OURS.values()) <= explained


def test_every_option_that_is_explained_exists() -> None:
    for option in re.findall(r"^\| `(--[a-z-]+)`", GUIDE, re.MULTILINE):
        assert option in set.union(*OURS.values()), option
    prose = re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)
    foreign = {"--reuse-key", "--format"}
    assert named(prose) - foreign <= set.union(STAGING, *OURS.values())


def invocations() -> list[list[str]]:
    """Every call of our command in the guide, as its words."""
    blocks = "\n".join(re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL)).replace("\\\n", " ")
    lines = [line.split("ExecStart=")[-1] for line in blocks.splitlines()]
    found = [shlex.split(line)[1:] for line in lines if re.match(r"\S*fieldapp-relay ", line)]
    found += [
        shlex.split(line.split(" fieldapp-relay ")[1]) for line in lines if line.startswith("podman run")
    ]
    return found


@pytest.mark.parametrize("words", invocations(), ids=" ".join)
def test_every_command_line_in_the_guide_is_understood(words: list[str]) -> None:
    path = " ".join(word for word in words if word in ("check", "centre", "add", "restored"))
    before, allowed = path, set(OURS[path])
    if path == "check":
        allowed |= OURS[""]
    assert before in OURS
    assert {word for word in words if word.startswith("--")} <= allowed


def test_there_are_command_lines_for_every_command() -> None:
    used = {
        " ".join(w for w in words if w in ("check", "centre", "add", "restored")) for words in invocations()
    }
    assert used == set(OURS) - {"centre"}


def test_the_container_runs_the_command_as_nobody() -> None:
    text = (ROOT / "docs" / "Containerfile").read_text(encoding="utf-8")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    (module,) = re.findall(r'^ENTRYPOINT \["python", "-m", "([\w.]+)"\]$', text, re.MULTILINE)
    assert scripts["fieldapp-relay"] == f"{module}.__main__:main"
    assert re.search(r"^COPY sync \S+/sync$", text, re.MULTILINE), "the module is there"
    assert re.search(r"^USER 10001$", text, re.MULTILINE)


def test_no_line_logs_an_address_or_keeps_what_a_client_claims() -> None:
    assert "access_log off;" in GUIDE
    assert "X-Forwarded-For $remote_addr;" in GUIDE
    assert "proxy_set_header Host $http_host;" in GUIDE

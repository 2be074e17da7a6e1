"""Every wrong option or file is one clear line and exit code 2; never a traceback. And what the programs serve."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fieldapp import bootstrap, desk_bootstrap
from fieldapp.bootstrap import run_field
from fieldapp.config import Config
from fieldapp.desk_bootstrap import run_desk


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fieldapp", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


WRONG = {
    "unknown command": ["bogus"],
    "unknown option": ["--bogus"],
    "port that is no number": ["--port", "x"],
    "port out of range": ["desk", "--port", "70000"],
    "no such file": ["triage", "no-such-file.json"],
    "file missing": ["triage"],
    "a folder": ["triage", "."],
    "data folder is a file": ["--data-dir", __file__, "--no-browser"],
    "data folder below a file": ["desk", "--data-dir", f"{__file__}/below", "--no-browser"],
    "demo folder is a file": ["demo", "--keep", __file__, "--no-browser"],
    "data folder cannot be made": ["--data-dir", "/proc/made-up", "--no-browser"],
    "desk folder cannot be made": ["desk", "--data-dir", "/proc/made-up", "--no-browser"],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(name: str) -> None:
    result = run(*WRONG[name])
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("fieldapp: ")


def test_a_wrong_folder_names_the_option_that_was_given() -> None:
    assert "--keep" in run(*WRONG["demo folder is a file"]).stderr
    assert "--data-dir" in run(*WRONG["data folder is a file"]).stderr


@pytest.mark.parametrize("command", [[], ["desk"]])
def test_a_port_that_is_taken_is_one_line(command: list[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run(*command, "--data-dir", str(tmp_path / "data"), "--port", port, "--no-browser")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert port in result.stderr


@pytest.mark.parametrize(
    "bad", ["", "{", "[1]", '{"answers": {"S99": "yes"}}', '{"answers": {"S01": "maybe"}}']
)
def test_bad_answers_are_one_line(bad: str) -> None:
    result = run("triage", "-", stdin=bad)
    assert (result.returncode, result.stderr.count("\n"), result.stdout) == (2, 1, "")


def test_a_debug_log_of_the_interface_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_LOG_LEVEL", "debug")
    result = run("--data-dir", str(tmp_path), "--no-browser")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["desk", "--help"], ["demo", "--help"], ["triage", "--help"]]
)
def test_help_is_no_error(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 0
    assert "Usage" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="stopped by a signal")
@pytest.mark.parametrize(("program", "allowed"), [(run_field, "camera=(self)"), (run_desk, "camera=()")])
def test_only_the_field_app_may_ask_for_the_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[Config], None], allowed: str
) -> None:
    """As the programs serve it: the desk scans nothing."""
    found, looking = [], []

    async def look(url: str) -> None:
        try:
            async with httpx.AsyncClient() as client:
                found.append((await client.get(url)).headers["permissions-policy"])
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    for module in (bootstrap, desk_bootstrap):  # what they forbid would hold for all later tests
        monkeypatch.setattr(module, "prepare", lambda: None)
    monkeypatch.setattr(bootstrap, "open_browser", lambda url: looking.append(asyncio.create_task(look(url))))
    program(Config(tmp_path))
    assert [policy.partition(", ")[0] for policy in found] == [allowed]

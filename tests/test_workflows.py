"""The workflows that sign and scan packages: pinned, no value in a script, options that Flet knows, checks that fail.

They run on a hosted runner only, so what can be held here is held here: the scripts that look at a package run against
made-up tools.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flet_cli.cli import get_parser

from fieldapp.stage.folder import PYTHON

FOLDER = Path(__file__).resolve().parent.parent / ".github" / "workflows"
WORKFLOWS = {file.name: yaml.safe_load(file.read_text("utf-8")) for file in FOLDER.glob("*.yml")}
LOOK = "What the package really asks for"


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for workflow in WORKFLOWS.values():
        for job, about in workflow["jobs"].items():
            for step in about["steps"]:
                yield job, step


def script(name: str) -> str:
    return next(str(step["run"]) for _, step in steps() if step.get("name") == name)


def test_every_action_is_pinned_to_a_commit_and_no_credential_stays() -> None:
    used = [step for _, step in steps() if "uses" in step]
    assert len(used) >= 8
    for step in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
        if "checkout" in step["uses"]:
            assert step["with"]["persist-credentials"] is False
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())


def test_no_expression_stands_in_a_script_and_no_secret_outside_of_its_step() -> None:
    for _, step in steps():
        assert "${{" not in step.get("run", "")
    for workflow in WORKFLOWS.values():
        assert "secrets." not in str(workflow.get("env"))
        assert all("secrets." not in str(job.get("env")) for job in workflow["jobs"].values())
        assert workflow.get(True, workflow.get("on")).keys() <= {"workflow_dispatch", "schedule"}


def test_what_is_installed_before_signing_has_a_hash() -> None:
    for job, step in steps():
        for line in step.get("run", "").splitlines():
            if "pip install" in line and job in ("android", "ios"):
                assert "--require-hashes -r requirements.lock" in line


def test_the_runner_has_the_python_that_a_phone_gets() -> None:
    versions = {
        step["with"]["python-version"] for _, step in steps() if "setup-python" in step.get("uses", "")
    }
    assert versions == {PYTHON}


def test_flet_knows_every_option_of_a_build() -> None:
    lines = re.findall(r"^ *flet (build .+)$", script_of_all().replace("\\\n", " "), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = [
            word.replace("$package", "apk").replace("$GITHUB_RUN_NUMBER", "7") for word in shlex.split(line)
        ]
        options = get_parser().parse_args(words)
        assert options.assume_yes
        assert options.python_app_path == "build/app"
        assert options.template == "$TEMPLATE"
        assert options.build_number == 7, "a phone takes no update with an older number"
    assert options.ios_export_method == "$METHOD", "left out, it is a package for developers' phones only"


def script_of_all() -> str:
    return "\n".join(str(step.get("run", "")) for _, step in steps())


def test_every_script_is_one_that_bash_reads() -> None:
    for _, step in steps():
        if "run" in step:
            subprocess.run(["bash", "-n"], input=step["run"].encode(), check=True)


MANIFEST = """excludeFromRecents(0x01010017)=true
allowBackup(0x01010280)=false
usesCleartextTraffic(0x010104ec)=false
dataExtractionRules(0x0101064f)=@0x7f0f0000
"""
PERMISSIONS = """package: org.example.notebook
uses-permission: name='android.permission.INTERNET'
uses-permission: name='org.example.notebook.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION'
permission: org.example.notebook.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION
"""
SIGNER = "Signer #1 certificate DN: CN=Made up\n"


def looked_at(folder: Path, permissions: str, manifest: str, signer: str, **env: str) -> int:
    """Run the step that looks at a package, with tools that say this of it; return its exit code."""
    tools = folder / "sdk" / "build-tools" / "36.0.0"
    tools.mkdir(parents=True)
    for name, said in (("permissions", permissions), ("xmltree", manifest), ("signer", signer)):
        (tools / name).write_text(said)
    for name, shown in (("aapt2", "$2"), ("apksigner", "signer")):
        (tools / name).write_text(f'#!/bin/sh\nexec cat "{tools}/{shown}"\n')
        (tools / name).chmod(0o755)
    (folder / "out" / "apk").mkdir(parents=True)
    (folder / "out" / "apk" / "app.apk").touch()
    known = {**os.environ, "ANDROID_HOME": str(folder / "sdk"), "CAMERA": "", "MICROPHONE": "", **env}
    # As a runner calls it.
    return subprocess.run(
        ["bash", "-e", "-c", script(LOOK)], cwd=folder, env=known, capture_output=True
    ).returncode


def test_a_package_as_it_should_be_passes(tmp_path: Path) -> None:
    assert looked_at(tmp_path, PERMISSIONS, MANIFEST, SIGNER) == 0


def test_a_camera_passes_where_it_was_wanted(tmp_path: Path) -> None:
    asked = PERMISSIONS + "uses-permission: name='android.permission.CAMERA'\n"
    assert looked_at(tmp_path, asked, MANIFEST, SIGNER, CAMERA="--camera") == 0


@pytest.mark.parametrize(
    ("permissions", "manifest", "signer"),
    [
        (PERMISSIONS + "uses-permission: name='android.permission.ACCESS_FINE_LOCATION'\n", MANIFEST, SIGNER),
        (PERMISSIONS + "uses-permission: name='android.permission.CAMERA'\n", MANIFEST, SIGNER),
        (PERMISSIONS + "uses-permission-sdk-23: name='android.permission.READ_SMS'\n", MANIFEST, SIGNER),
        ("", MANIFEST, SIGNER),
        (PERMISSIONS, MANIFEST.replace("=false", "=true", 1), SIGNER),
        (PERMISSIONS, MANIFEST.replace("excludeFromRecents", "x"), SIGNER),
        (PERMISSIONS, MANIFEST.replace("dataExtractionRules", "x"), SIGNER),
        (PERMISSIONS, MANIFEST + 'name="android.intent.action.PROCESS_TEXT"\n', SIGNER),
        (PERMISSIONS, MANIFEST + "debuggable(0x0101000f)=true\n", SIGNER),
        (PERMISSIONS, MANIFEST, SIGNER.replace("Made up", "Android Debug, O=Android")),
    ],
)
def test_a_package_that_asks_or_shows_more_fails(
    tmp_path: Path, permissions: str, manifest: str, signer: str
) -> None:
    assert looked_at(tmp_path, permissions, manifest, signer) != 0

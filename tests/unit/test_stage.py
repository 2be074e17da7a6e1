"""``fieldapp stage``: a phone gets the field app, all of it, and nothing else."""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from flet_cli.commands.build import Command
from flet_cli.utils.pyproject_toml import load_pyproject_toml

from fieldapp.__main__ import main as fieldapp_command
from fieldapp.errors import InputError
from fieldapp.stage.closure import modules
from fieldapp.stage.folder import CAMERA, MAIN, MICROPHONE, ROOT, stage
from fieldapp.stage.hardening import harden

PHONE_ONLY = (
    "flet_web",
    "flet_audio",
    "flet_camera",
    "pypdfium2",
    "flet_audio_recorder",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "hypothesis",
    "playwright",
    "pytest",
    "babel",
    "keyring",
    "secretstorage",
    "jeepney",
)
"""Packages of the development environment that no phone has."""

ON_A_PHONE = """
import importlib.abc, os, sys
from pathlib import Path

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.path[:0] = [{staged!r}]
sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path({root!r})]
os.environ.update(FLET_PLATFORM="android", FLET_APP_STORAGE_DATA={data!r})
import flet
started = []
flet.run = started.append
import runpy
runpy.run_path({staged!r} + "/main.py", run_name="__main__")
import fieldapp
assert Path(fieldapp.__file__).is_relative_to({staged!r}), fieldapp.__file__
from fieldapp.assets import default_instrument, default_law
from fieldapp.kit.i18n import Translator
assert len(default_instrument().items) == 20
assert default_law() and Translator("nl")("Continue") != "Continue"
assert len(started) == 1 and callable(started[0])
assert Path({data!r}, "notebook").is_dir()
print("runs")
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage") / "app"
    stage(folder)
    return folder


def test_the_staged_folder_starts_as_on_a_phone(staged: Path, tmp_path: Path) -> None:
    code = ON_A_PHONE.format(
        absent=set(PHONE_ONLY), staged=str(staged), root=str(ROOT), data=str(tmp_path / "private")
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.returncode) == ("runs\n", 0), done.stderr


def test_neither_desk_nor_relay_nor_demo_is_on_a_phone(staged: Path) -> None:
    files = {file.relative_to(staged).as_posix() for file in staged.rglob("*") if file.is_file()}
    assert "fieldapp/ui/app.py" in files
    assert "sync/envelope.py" in files
    assert "fieldapp/phone_keystore.py" in files
    assert "fieldapp/phone_model.py" in files
    for name in ("desk", "demo", "relay", "loopback", "desktop_keystore", "stage", "tests", "bench"):
        assert not [f for f in files if name in f.split("/") or f.endswith(f"/{name}.py")], name
    assert not [f for f in files if f.endswith((".po", ".md", ".pyc"))]
    assert not [f for f in files if f.startswith("assets/web")]


def test_flets_own_check_finds_the_entry(staged: Path) -> None:
    command = Command(argparse.ArgumentParser())
    command.options = argparse.Namespace(module_name=None)
    command.python_app_path = staged
    command.get_pyproject = load_pyproject_toml(staged)

    def refuse(*why: object) -> None:
        raise AssertionError(why)

    command.cleanup = refuse
    command.validate_entry_point()
    (staged / "main.py").rename(staged / "other.py")
    with pytest.raises(AssertionError, match=r"main\.py not found"):
        command.validate_entry_point()
    (staged / "other.py").rename(staged / "main.py")


def test_the_description_asks_for_the_network_and_nothing_else(staged: Path) -> None:
    described = tomllib.loads((staged / "pyproject.toml").read_text())
    android = described["tool"]["flet"]["android"]
    assert android["permission"] == {"android.permission.INTERNET": True}
    assert android["manifest_application"]["allowBackup"] == "false"
    assert android["manifest_application"]["usesCleartextTraffic"] == "false"
    source = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert described["project"]["dependencies"] == source["dependencies"]
    assert all("==" in line for line in source["dependencies"])
    assert "flet-secure-storage" in " ".join(source["dependencies"])
    for other in ("keyring", "flet-audio", "pypdfium2"):
        assert other not in " ".join(described["project"]["dependencies"])
    assert described["tool"]["flet"]["product"] == "Notebook"


def test_a_camera_is_asked_for_only_where_it_was_wanted(tmp_path: Path) -> None:
    done = CliRunner().invoke(fieldapp_command, ["stage", "--out", str(tmp_path / "app"), "--camera"])
    assert done.exit_code == 0, done.output
    described = tomllib.loads((tmp_path / "app" / "pyproject.toml").read_text())
    source = tomllib.loads((ROOT / "pyproject.toml").read_text())
    android = described["tool"]["flet"]["android"]
    assert android["permission"] == {
        "android.permission.INTERNET": True,
        "android.permission.CAMERA": True,
        "android.permission.RECORD_AUDIO": False,
        "android.permission.WRITE_EXTERNAL_STORAGE": False,
    }
    assert android["feature"] == {"android.hardware.camera.any": False}
    assert android["manifest_application"]["allowBackup"] == "false"
    assert list(described["tool"]["flet"]["ios"]["info"]) == ["NSCameraUsageDescription"]
    assert described["project"]["dependencies"] == [*source["project"]["dependencies"], CAMERA]
    assert CAMERA in source["dependency-groups"]["desktop"], "one version for both"
    (plain := tmp_path / "plain").mkdir()
    stage(plain / "app")
    assert "camera" not in (plain / "app" / "pyproject.toml").read_text().lower()
    assert "audio" not in (plain / "app" / "pyproject.toml").read_text().lower()


@pytest.mark.parametrize("camera", [False, True])
def test_a_microphone_is_asked_for_only_where_it_was_wanted(camera: bool, tmp_path: Path) -> None:
    flags = ["--microphone", *(["--camera"] if camera else [])]
    done = CliRunner().invoke(fieldapp_command, ["stage", "--out", str(tmp_path / "app"), *flags])
    assert done.exit_code == 0, done.output
    described = tomllib.loads((tmp_path / "app" / "pyproject.toml").read_text())
    asked = described["tool"]["flet"]["android"]["permission"]
    assert [name.rpartition(".")[2] for name, on in asked.items() if on] == [
        "INTERNET",
        "RECORD_AUDIO",
        *(["CAMERA"] if camera else []),
    ]
    assert not any(described["tool"]["flet"]["android"]["feature"].values())
    assert "NSMicrophoneUsageDescription" in described["tool"]["flet"]["ios"]["info"]
    source = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*([CAMERA] if camera else []), MICROPHONE]
    assert described["project"]["dependencies"] == [*source["project"]["dependencies"], *wanted]
    assert MICROPHONE in source["dependency-groups"]["desktop"], "one version for both"


def test_a_second_time_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    stage(tmp_path / "app")
    (tmp_path / "app" / "left-over.py").touch()
    stage(tmp_path / "app", bundle_id="org.made-up.notebook")
    assert not (tmp_path / "app" / "left-over.py").exists()
    assert "org.made-up.notebook" in (tmp_path / "app" / "pyproject.toml").read_text()
    other = tmp_path / "other"
    other.mkdir()
    (other / "main.py").write_text("somebody's own")
    with pytest.raises(InputError, match="left alone"):
        stage(other)
    assert (other / "main.py").read_text() == "somebody's own"


def made_up_package(root: Path, **sources: str) -> Path:
    for name, source in sources.items():
        file = root.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(root).parents:
            (root / folder / "__init__.py").touch()
        file.write_text(source)
    return root


def test_what_would_bring_the_desk_is_refused(tmp_path: Path) -> None:
    root = made_up_package(
        tmp_path,
        fieldapp__bootstrap="from fieldapp.helper import x",
        fieldapp__helper="def later():\n    import fieldapp.desk.inbox",
        fieldapp__desk__inbox="",
    )
    with pytest.raises(InputError, match=r"fieldapp\.desk"):
        modules(root)


def test_only_what_is_imported_at_run_time_counts(tmp_path: Path) -> None:
    root = made_up_package(
        tmp_path,
        fieldapp__bootstrap="import json\nfrom typing import TYPE_CHECKING\nfrom sync import wire\n"
        "if TYPE_CHECKING:\n    from fieldapp.desk import inbox",
        fieldapp__alone="",
        sync__wire="import fieldapp.loopback",
        fieldapp__loopback="",
    )
    assert set(modules(root)) == {"fieldapp", "fieldapp.bootstrap", "sync", "sync.wire"}


MANIFEST = """<manifest xmlns:android="http://schemas.android.com/apk/res/android">
    <application android:label="made up">
        <activity
            android:name=".MainActivity"
            android:exported="true">
        </activity>
    </application>
</manifest>
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    main = tmp_path / "template" / "{{out}}" / "android" / "app" / "src" / "main"
    kotlin = main / "kotlin" / "{{package}}"
    kotlin.mkdir(parents=True)
    (main / "AndroidManifest.xml").write_text(MANIFEST)
    (kotlin / "MainActivity.kt").write_text("package x\n\nclass MainActivity : FlutterActivity()\n")
    return tmp_path / "template"


def content(folder: Path) -> dict[str, Any]:
    return {str(f): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_template_keeps_screens_and_backups_to_itself(template: Path) -> None:
    assert len(harden(template)) == 3
    once = content(template)
    words = "".join(once.values())
    for line in (
        'android:excludeFromRecents="true"',
        "FLAG_SECURE",
        'android:name="android.permission.USE_BIOMETRIC" tools:node="remove"',
        "<cloud-backup>",
        "<device-transfer>",
        "super.onCreate",
    ):
        assert words.count(line) == 1, line
    assert words.index("FLAG_SECURE") < words.index("super.onCreate")
    (manifest,) = template.rglob("AndroidManifest.xml")
    assert [child.tag for child in ElementTree.parse(manifest).getroot()] == [
        "uses-permission",
        "application",
    ]
    assert harden(template) == []
    assert content(template) == once


@pytest.mark.parametrize("name", ["AndroidManifest.xml", "MainActivity.kt"])
def test_a_template_that_changed_is_refused_whole(template: Path, name: str) -> None:
    (file,) = template.rglob(name)
    file.write_text(file.read_text().replace("MainActivity", "AnotherActivity"))
    before = content(template)
    with pytest.raises(InputError, match="another one"):
        harden(template)
    assert content(template) == before


def test_a_folder_that_is_no_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a build template"):
        harden(tmp_path)


def test_the_entry_is_two_imports_and_a_call() -> None:
    assert "desk" not in MAIN
    assert MAIN.count("import") == 2

"""``fieldapp stage``: a phone gets the field app, all of it, and nothing else."""

import argparse
import json
import plistlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from flet_cli.cli import get_parser
from flet_cli.commands.build import Command
from flet_cli.utils.hash_stamp import HashStamp
from flet_cli.utils.pyproject_toml import load_pyproject_toml
from flet_cli.utils.python_versions import resolve_python_version

from fieldapp.__main__ import main as fieldapp_command
from fieldapp.errors import InputError
from fieldapp.stage.closure import modules
from fieldapp.stage.folder import (
    BUNDLE_ID,
    CAMERA,
    MAIN,
    MICROPHONE,
    NIGHT,
    PAPER,
    PYTHON,
    ROOT,
    WITH_OTHERS,
    stage,
)
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
        [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.returncode) == ("runs\n", 0), done.stderr


def test_neither_desk_nor_relay_nor_demo_is_on_a_phone(staged: Path) -> None:
    files = {file.relative_to(staged).as_posix() for file in staged.rglob("*") if file.is_file()}
    assert "fieldapp/ui/app.py" in files
    assert "sync/envelope.py" in files
    assert "fieldapp/host/phone_keystore.py" in files
    assert "fieldapp/host/phone_model.py" in files
    for name in (
        "desk",
        "demo",
        "relay",
        "host/loopback",
        "host/desktop_keystore",
        "stage",
        "tests",
        "bench",
    ):
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


def test_flet_takes_every_setting_of_the_description(
    staged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a build is made of, by Flet's own code: a table that it does not know would be passed over in silence."""
    known = {
        short: {"full_version": f"{short}.9", "pyodide_version": "0", "android_abis": ["arm64-v8a"]}
        for short in ("3.12", "3.13", "3.14")
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"pythons": known, "default_python_version": "3.14"}))
    monkeypatch.setenv("FLET_PYTHON_BUILD_MANIFEST", str(manifest))
    command = Command(argparse.ArgumentParser())
    command.options = get_parser().parse_args(["build", "apk", str(staged), "--yes"])
    command.target_platform = "apk"
    command.package_platform, command.config_platform = "Android", "android"
    command.python_app_path = staged
    command.get_pyproject = load_pyproject_toml(staged)
    command.build_dir = command.flutter_dir = tmp_path / "build"
    command.flutter_dependencies = {}
    command.python_release = resolve_python_version(None, command.get_pyproject)
    command.validate_entry_point()
    command.setup_template_data()
    data = command.template_data
    assert command.python_release.short == PYTHON
    assert (data["product_name"], data["bundle_id"]) == ("Notebook", BUNDLE_ID)
    asked = data["options"]["android_permissions"]
    assert [name for name, on in asked.items() if on] == ["android.permission.INTERNET"]
    assert data["options"]["android_providers"] == {}
    assert set(data["options"]["deep_linking"].values()) == {None}
    (memory,) = (v for k, v in data["options"]["android_gradle_properties"].items() if "jvmargs" in k)
    assert "HeapDump" not in memory, "it would hold the passwords of the signing key"
    assert (data["splash"]["color"], data["splash"]["dark_color"]) == (PAPER, NIGHT)
    described = data["pyproject"]["tool"]["flet"]["android"]["manifest_application"]
    assert described["dataExtractionRules"] == "@xml/data_extraction_rules"
    for picture in ("icon", "splash"):
        assert command.find_platform_image(staged / "assets", picture, HashStamp(tmp_path / "hash"))


def test_the_description_asks_for_the_network_and_nothing_else(staged: Path) -> None:
    described = tomllib.loads((staged / "pyproject.toml").read_text())
    android = described["tool"]["flet"]["android"]
    assert android["permission"] == {
        "android.permission.INTERNET": True,
        "android.permission.ACCESS_NETWORK_STATE": False,
    }
    assert android["manifest_application"]["allowBackup"] == "false"
    assert android["manifest_application"]["usesCleartextTraffic"] == "false"
    source = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert described["project"]["dependencies"] == [*source["dependencies"], *WITH_OTHERS]
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
        "android.permission.ACCESS_NETWORK_STATE": False,
        "android.permission.CAMERA": True,
        "android.permission.RECORD_AUDIO": False,
        "android.permission.WRITE_EXTERNAL_STORAGE": False,
    }
    assert android["feature"] == {"android.hardware.camera.any": False}
    assert android["manifest_application"]["allowBackup"] == "false"
    assert list(described["tool"]["flet"]["ios"]["info"]) == ["NSCameraUsageDescription"]
    assert described["project"]["dependencies"] == [*source["project"]["dependencies"], *WITH_OTHERS, CAMERA]
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
    assert described["project"]["dependencies"] == [*source["project"]["dependencies"], *WITH_OTHERS, *wanted]
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
        sync__wire="import fieldapp.host.loopback",
        fieldapp__loopback="",
    )
    assert set(modules(root)) == {"fieldapp", "fieldapp.bootstrap", "sync", "sync.wire"}


MANIFEST = """<manifest xmlns:android="http://schemas.android.com/apk/res/android">
    <application android:label="made up">
        <activity
            android:name=".MainActivity"
            android:exported="true">
        </activity>
        <provider
            android:name="androidx.core.content.FileProvider"
            android:exported="false"
            android:grantUriPermissions="true">
            <meta-data android:resource="@xml/provider_paths" />
        </provider>
        <meta-data android:name="flutterEmbedding" android:value="2" />
    </application>
    <!-- Required to query activities that can process text:
         android.content.Intent#ACTION_PROCESS_TEXT. -->
    <queries>
        <intent>
            <action android:name="android.intent.action.PROCESS_TEXT" />
            <data android:mimeType="text/plain" />
        </intent>
        <intent>
            <action android:name="android.intent.action.MADE_UP" />
        </intent>
    </queries>
</manifest>
"""
DELEGATE = """@objc class AppDelegate: FlutterAppDelegate {
  override func application() -> Bool {
    return super.application(application, didFinishLaunchingWithOptions: launchOptions)
  }
}
"""
SETTINGS = """<plist version="1.0">
<dict>
    <key>NSAppTransportSecurity</key>
    <dict>
        <key>NSAllowsArbitraryLoads</key>
        <true />
    </dict>
    <key>LSRequiresIPhoneOS</key>
    <true />
</dict>
</plist>
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    out = tmp_path / "template" / "{{out}}"
    main = out / "android" / "app" / "src" / "main"
    kotlin = main / "kotlin" / "{{package}}"
    kotlin.mkdir(parents=True)
    (main / "AndroidManifest.xml").write_text(MANIFEST)
    (kotlin / "MainActivity.kt").write_text("package x\n\nclass MainActivity : FlutterActivity()\n")
    for system in ("ios", "macos"):
        (out / system / "Runner").mkdir(parents=True)
        (out / system / "Runner" / "AppDelegate.swift").write_text(DELEGATE)
        (out / system / "Runner" / "Info.plist").write_text(SETTINGS)
    return tmp_path / "template"


def content(folder: Path) -> dict[str, Any]:
    return {str(f): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_template_keeps_screens_and_backups_to_itself(template: Path) -> None:
    assert len(harden(template)) == 5
    once = content(template)
    words = "".join(once.values())
    for line in (
        'android:excludeFromRecents="true"',
        "FLAG_SECURE",
        'android:name="android.permission.USE_BIOMETRIC" tools:node="remove"',
        "<cloud-backup>",
        "<device-transfer>",
        "super.onCreate",
        "IMPORTANT_FOR_AUTOFILL_NO_EXCLUDE_DESCENDANTS",
    ):
        assert words.count(line) == 1, line
    assert words.index("FLAG_SECURE") < words.index("super.onCreate")
    (manifest,) = template.rglob("AndroidManifest.xml")
    root = ElementTree.parse(manifest).getroot()
    assert [child.tag for child in root] == ["uses-permission", "application", "queries"]
    assert [child.tag for child in root.iter("application") for child in child] == ["activity", "meta-data"]
    assert "android.intent.action.PROCESS_TEXT" not in manifest.read_text()
    assert "MADE_UP" in manifest.read_text()
    assert harden(template) == []
    assert content(template) == once


def test_on_an_iphone_the_system_covers_and_nothing_travels_open(template: Path) -> None:
    before = content(template)
    harden(template)
    (runner,) = template.rglob("ios/Runner")
    delegate = (runner / "AppDelegate.swift").read_text()
    assert (
        delegate.count("willResignActiveNotification") == delegate.count("didBecomeActiveNotification") == 1
    )
    assert delegate.index("willResignActive") < delegate.index("return super.application")
    settings = plistlib.loads((runner / "Info.plist").read_bytes())
    assert settings == {
        "NSAppTransportSecurity": {"NSAllowsArbitraryLoads": False},
        "LSRequiresIPhoneOS": True,
    }
    assert {f for f, text in content(template).items() if "macos" in f and text != before[f]} == set()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("AndroidManifest.xml", "MainActivity", "AnotherActivity"),
        ("MainActivity.kt", "MainActivity", "AnotherActivity"),
        ("ios/Runner/AppDelegate.swift", "super.application", "super.applications"),
        ("AndroidManifest.xml", "androidx.core.content.FileProvider", "made.up.Provider"),
        (
            "AndroidManifest.xml",
            '<action android:name="android.intent.action.PR',
            '<x android:name="android.intent.action.PR',
        ),
    ],
)
def test_a_template_that_changed_is_refused_whole(template: Path, name: str, old: str, new: str) -> None:
    (file,) = template.rglob(name)
    file.write_text(file.read_text().replace(old, new))
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

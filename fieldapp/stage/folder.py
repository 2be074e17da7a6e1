"""The folder that ``flet build apk`` and ``flet build ipa`` take: our modules, their data, an entry, a description.

It is made beside its place and moved there at the end: a build never meets half of it.
"""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any, Final

from fieldapp.assets import assets_dir
from fieldapp.errors import InputError
from fieldapp.stage.closure import modules

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout."""

ASSETS: Final = ("guidance", "instruments", "law", "locale", "words")
"""The folders of data that the app reads. What only a browser asks for (``web``) stays out."""

PICTURES: Final = {"phone/icon.png": "icon.png", "phone/splash.png": "splash.png"}
"""Where ``flet build`` looks for the picture on the home screen and the first one shown."""

NOT_DATA: Final = ("*.po", "*.md")
"""What the words are made from, and notes on their sources."""

PYTHON: Final = "3.13"
"""The Python that a phone gets, and that the runner of the workflow has. Left open, Flet takes the newest it knows, and
what a dependency needs there is not what was looked at here."""

GRADLE: Final = "-Xmx3G -XX:MaxMetaspaceSize=1G -XX:ReservedCodeCacheSize=512m"
"""Memory of an Android build. Flet asks for more than a hosted runner has, and for a dump of it when it does not suffice,
which would hold the passwords of the signing key."""

MAIN: Final = '''"""The field app on a phone."""

from fieldapp.bootstrap import run_field
from fieldapp.config import Config, phone_data_dir

run_field(Config(phone_data_dir()))
'''

PRODUCT: Final = "Notebook"
"""The name below the icon: as neutral as the window's title."""

BUNDLE_ID: Final = "invalid.notebook.field"
"""No store takes this one: a centre, or whoever publishes for it, gives its own."""

PAPER: Final = "#f6f4ef"
NIGHT: Final = "#141a22"
"""Grounds of the first picture, light and dark: those of the lock screen that follows it."""


WITH_OTHERS: Final = ("cffi==2.0.0", "msgpack==1.1.2")
"""What other dependencies bring and has compiled parts, in the versions for which there are wheels for phones: those of
Flet's recipes, https://github.com/flet-dev/mobile-forge, on 21 August 2026. These have the pinned `pynacl`, too; of
`pillow` they have an older one, with known faults in memory: see ``docs/operations.md``."""

CAMERA: Final = "flet-camera==1.0.5"
"""Scans the centre's code and takes photos, in a package that is staged with a camera."""

CAMERA_REASON: Final = "To scan your centre's code, and to take pictures that stay in this app."
"""What iOS shows when the camera is asked for."""

MICROPHONE: Final = "flet-audio-recorder==1.0.5"
"""Records sound, in a package that is staged with a microphone."""

MICROPHONE_REASON: Final = "To record sound that stays in this app."
"""What iOS shows when the microphone is asked for."""


def stage(
    target: Path, *, bundle_id: str = BUNDLE_ID, camera: bool = False, microphone: bool = False
) -> list[str]:
    """Write the folder to `target` and return the names of our modules in it.

    With `camera` the package asks for one, with `microphone` for that.

    An earlier one there is replaced; anything else is left alone. InputError when `target` holds something else or
    cannot be written, or when what a phone must not have would get in.
    """
    if target.exists() and not _is_staged(target):
        raise InputError(f"{target}: this is not a staged app, and is left alone.")
    needed = modules(ROOT)
    fresh = target.with_name(target.name + ".new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for file in needed.values():
            copy = fresh / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        _copy_data(fresh / "assets")
        (fresh / "main.py").write_text(MAIN, "utf-8")
        described = description(bundle_id, camera=camera, microphone=microphone)
        (fresh / "pyproject.toml").write_text(described, "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}.") from None
    return list(needed)


def _is_staged(folder: Path) -> bool:
    main = folder / "main.py"
    return main.is_file() and main.read_text("utf-8") == MAIN


def _copy_data(target: Path) -> None:
    for folder in ASSETS:
        shutil.copytree(
            assets_dir() / folder, target / folder, ignore=shutil.ignore_patterns(*NOT_DATA, ".*")
        )
    for picture, place in PICTURES.items():
        shutil.copyfile(assets_dir() / picture, target / place)


def description(bundle_id: str, *, camera: bool = False, microphone: bool = False) -> str:
    """Return the staged ``pyproject.toml``: exact dependencies of a phone, and what the package asks of the system.

    Android: the network and nothing else; with `camera` and `microphone` these too, and nothing that only a plugin
    would bring: the state of the network, storage, and sound beside a camera alone. No backup, no copy to a new phone,
    no cleartext. The rules that ``dataExtractionRules`` names are written by `fieldapp.stage.hardening`: without the
    hardened template the build fails, instead of making a package without them.
    """
    project = _project()
    wanted = [*([CAMERA] if camera else []), *([MICROPHONE] if microphone else [])]
    needed = [*project["dependencies"], *WITH_OTHERS, *wanted]
    return f"""[project]
name = "notebook"
version = {_text(project["version"])}
requires-python = "=={PYTHON}.*"
dependencies = [
{"".join(f"    {_text(line)},{chr(10)}" for line in needed)}]

[tool.flet]
product = {_text(PRODUCT)}
bundle_id = {_text(bundle_id)}

[tool.flet.app]
path = "."

[tool.flet.compile]
app = true
packages = true

[tool.flet.splash]
color = {_text(PAPER)}
dark_color = {_text(NIGHT)}

[tool.flet.android.permission]
"android.permission.INTERNET" = true
"android.permission.ACCESS_NETWORK_STATE" = false
{_asked(camera=camera, microphone=microphone)}
[tool.flet.android.manifest_application]
allowBackup = "false"
fullBackupContent = "false"
dataExtractionRules = "@xml/data_extraction_rules"
usesCleartextTraffic = "false"

[tool.flet.android.gradle_properties]
"org.gradle.jvmargs" = {_text(GRADLE)}
"""


def _asked(*, camera: bool, microphone: bool) -> str:
    """Return what is asked for beside the network. Flet's template takes away what is false, whoever asked for it."""
    if not camera and not microphone:
        return ""
    permissions = {"RECORD_AUDIO": microphone}
    features, reasons = {}, {}
    if camera:
        permissions |= {"CAMERA": True, "WRITE_EXTERNAL_STORAGE": False}
        # Not needed: a phone without one is not kept off the app.
        features["android.hardware.camera.any"] = False
        reasons["NSCameraUsageDescription"] = CAMERA_REASON
    if microphone:
        features["android.hardware.microphone"] = False
        reasons["NSMicrophoneUsageDescription"] = MICROPHONE_REASON
    lines = [
        *(f"{_text('android.permission.' + name)} = {_text(on)}" for name, on in permissions.items()),
        "\n[tool.flet.android.feature]",
        *(f"{_text(name)} = {_text(on)}" for name, on in features.items()),
        "\n[tool.flet.ios.info]",
        *(f"{name} = {_text(words)}" for name, words in reasons.items()),
    ]
    return "\n".join(lines) + "\n"


def _project() -> dict[str, Any]:
    """Return the table of the source's own ``pyproject.toml``: an installed package may be an older one."""
    try:
        return dict(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])
    except OSError:
        raise InputError(
            "Staging needs the source of the project: there is no pyproject.toml here."
        ) from None


def _text(value: str | bool) -> str:
    """Return a TOML string or boolean; JSON's form is one."""
    return json.dumps(value)

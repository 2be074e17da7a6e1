"""Every dependency of a phone is there in a wheel for that phone, by its name, or it is told."""

import shutil
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fieldapp.stage import wheels
from fieldapp.stage.folder import stage

COMPILED = {"cffi", "msgpack", "pillow", "pynacl"}
"""What has compiled parts: a new one must have wheels for phones, which somebody has to look for first."""
ARM = "android_24_arm64_v8a"


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels") / "app"
    stage(folder, camera=True, microphone=True)
    return folder


@pytest.fixture
def built(staged: Path, tmp_path: Path) -> Path:
    """The staged folder as a build leaves it: a made-up site-packages with wheels for one kind of phone."""
    folder = tmp_path / "app"
    shutil.copytree(staged, folder)
    place = folder / "build" / "site-packages" / "arm64-v8a"
    for name, wheel in wheels.needed(folder / "pyproject.toml", "android").items():
        info = place / f"{name.replace('-', '_')}-{wheel.version}.dist-info"
        info.mkdir(parents=True)
        tag = "py3-none-any" if wheel.is_pure else f"cp312-cp312-{ARM}"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {wheel.version}\n")
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: {wheel.is_pure}\nTag: {tag}\n")
    return folder


def info_of(built: Path, name: str) -> Path:
    (found,) = built.glob(f"build/site-packages/*/{name}-*.dist-info")
    return found


@pytest.mark.parametrize("system", ["android", "ios"])
def test_only_these_parts_of_a_phone_are_compiled(staged: Path, system: str) -> None:
    wanted = wheels.needed(staged / "pyproject.toml", system)
    assert {name for name, wheel in wanted.items() if not wheel.is_pure} == COMPILED
    assert {"flet", "flet-camera", "flet-audio-recorder", "httpx", "h11"} <= wanted.keys()
    assert wanted["pynacl"].version == distribution("pynacl").version
    assert wanted["cffi"].version == "2.0.0", "as pinned for phones, whatever is installed here"
    assert not {"starlette", "sqlalchemy", "pypdfium2"} & wanted.keys()


def test_whatever_has_compiled_parts_is_pinned(staged: Path) -> None:
    """Left open, a build takes another version than the one that somebody has looked for."""
    asked = tomllib.loads((staged / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {line.partition("==")[0] for line in asked if "==" in line} >= COMPILED
    for line in asked:  # what brings it takes it in this version
        name, _, version = line.partition("==")
        users = [Requirement(one) for dist in ("flet", "pynacl") for one in distribution(dist).requires or ()]
        for one in users:
            if one.name == name and (one.marker is None or one.marker.evaluate()):
                assert version in one.specifier, line


def test_a_package_with_every_wheel_is_good(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wheels.main([str(built), "android", "arm64-v8a"]) == 0
    assert not capsys.readouterr().out


@pytest.mark.parametrize("name", ["pynacl", "httpx"])
def test_a_wheel_that_is_not_there_is_told(
    built: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(info_of(built, name))
    assert wheels.main([str(built), "android", "arm64-v8a"]) == 1
    assert f"arm64-v8a: {name} {distribution(name).version} is not there" in capsys.readouterr().out


def test_a_wheel_of_the_machine_that_built_is_told(built: Path) -> None:
    file = info_of(built, "pynacl") / "WHEEL"
    file.write_text(file.read_text().replace(ARM, "manylinux_2_17_x86_64"))
    (line,) = wheels.check(built, "android", ["arm64-v8a"])
    assert "is no wheel for android: cp312-cp312-manylinux_2_17_x86_64" in line


def test_another_version_is_told(built: Path) -> None:
    file = info_of(built, "cffi") / "METADATA"
    file.write_text(file.read_text().replace("2.0.0", "0.1"))
    (line,) = wheels.check(built, "android", ["arm64-v8a"])
    assert "cffi is 0.1 in place of" in line


def test_a_kind_of_phone_that_was_not_built_is_told(built: Path) -> None:
    assert wheels.check(built, "android", ["arm64-v8a", "x86_64"]) == ["x86_64: there is no site-packages"]


def test_words_that_say_nothing_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert wheels.main(["build/app", "palm", "arm64-v8a"]) == 2
    assert "usage" in capsys.readouterr().err

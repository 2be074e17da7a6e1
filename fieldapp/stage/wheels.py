"""Whether a package that was built for phones holds every dependency, in a wheel for that very kind of phone.

    python -m fieldapp.stage.wheels build/app android arm64-v8a armeabi-v7a x86_64

looks below the staged folder for the ``site-packages`` that ``flet build`` has filled, one folder for each kind of phone,
and reads the names, versions and tags of the wheels (``*.dist-info/WHEEL``, PEP 427). A dependency in pure Python has
one wheel for all; one with compiled parts (libsodium's binding, say) has one whose tag names the system. What is missing,
has another version, or was built for another system is a line each, and exit code 1. Run it with
the Python that the phone gets (`folder.PYTHON`): what is needed may differ from one to the next.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

SYSTEMS: Final = {"android": "android", "ios": "ios"}
"""How `sys.platform` calls a system, and how the tags of its wheels begin (PEP 738, PEP 730)."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a phone needs or has: `tags` as in the wheel's own list, such as ``py3-none-any``."""

    version: str
    tags: frozenset[str]

    @property
    def is_pure(self) -> bool:
        """Whether it is one for every system."""
        return all(tag.endswith("-none-any") for tag in self.tags)


def needed(project: Path, system: str) -> dict[str, Wheel]:
    """Return what a phone of `system` needs for a staged ``pyproject.toml``, by name: as pinned, else as installed here.

    KeyError for an unknown system; PackageNotFoundError when something is not installed here.
    """
    asked = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
    environment = {"sys_platform": system, "platform_system": SYSTEMS[system].capitalize(), "extra": ""}
    found: dict[str, Wheel] = {}
    waiting = [Requirement(line) for line in asked]
    pinned = {_normal(one.name): str(one.specifier)[2:] for one in waiting if str(one.specifier)[:2] == "=="}
    while waiting:
        one = waiting.pop()
        name = _normal(one.name)
        if name in found or (one.marker and not one.marker.evaluate(environment)):
            continue
        installed = distribution(name)
        found[name] = replace(_wheel(installed), version=pinned.get(name, installed.version))
        waiting += [Requirement(line) for line in installed.requires or ()]
    return found


def held(folder: Path) -> dict[str, Wheel]:
    """Return what one ``site-packages`` of a built package holds, by name."""
    return {
        _normal(one.metadata["Name"]): _wheel(one)
        for one in map(Distribution.at, sorted(folder.glob("*.dist-info")))
    }


def missing(wanted: Mapping[str, Wheel], there: Mapping[str, Wheel], system: str) -> list[str]:
    """Return a line for each dependency that is not there as it should be."""
    lines = []
    for name, wheel in sorted(wanted.items()):
        got = there.get(name)
        if got is None:
            lines.append(f"{name} {wheel.version} is not there")
        elif got.version != wheel.version:
            lines.append(f"{name} is {got.version} in place of {wheel.version}")
        elif not wheel.is_pure and not all(_is_for(tag, SYSTEMS[system]) for tag in got.tags):
            lines.append(f"{name} {got.version} is no wheel for {system}: {', '.join(sorted(got.tags))}")
    return lines


def check(staged: Path, system: str, kinds: Iterable[str]) -> list[str]:
    """Return what is wrong with the package that was built in `staged`, for each kind of phone."""
    wanted, lines = needed(staged / "pyproject.toml", system), []
    for kind in kinds:
        places = [place for place in staged.glob(f"**/site-packages/{kind}*") if place.is_dir()]
        if not places:
            lines.append(f"{kind}: there is no site-packages")
        for place in places:
            lines += [f"{kind}: {line}" for line in missing(wanted, held(place), system)]
    return lines


def _is_for(tag: str, system: str) -> bool:
    return tag.rpartition("-")[2].startswith(system)


def _wheel(one: Distribution) -> Wheel:
    tags = re.findall(r"^Tag: (\S+)$", one.read_text("WHEEL") or "", re.MULTILINE)
    return Wheel(one.version, frozenset(tags))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(words: list[str]) -> int:
    """Print what is wrong; return the exit code."""
    if len(words) < 3 or words[1] not in SYSTEMS:
        print("usage: python -m fieldapp.stage.wheels FOLDER android|ios KIND...", file=sys.stderr)  # noqa: T201
        return 2
    lines = check(Path(words[0]), words[1], words[2:])
    for line in lines:
        print(line)  # noqa: T201
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The field app dies in every way a program can: no word, no passphrase and no memory of it is left anywhere.

What is searched: what it printed, its data, the folder it ran in, and the user's home, caches and temporary files.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fieldapp.stage import folder as staging
from tests.fakes.canary import canary, leaks
from tests.session.field_harness import PASSPHRASE

WORD, IN_A_MESSAGE = canary(1), canary(2)

CRASHES = """
import asyncio, ctypes, gc, json, os, resource, sys, threading
from pathlib import Path
from fieldapp.bootstrap import prepare
prepare()
import flet
from fieldapp.domain.screening import Identity, Mode
from fieldapp.kit.boundary import guard_session
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemClock, SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient

print(json.dumps([resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]), flush=True)

async def lost():
    raise ValueError({message!r})

class Bad:
    def __del__(self):
        raise ValueError({message!r})

async def main():
    gate = Gate(Path({data!r}), NoKeystore(), SystemClock(), SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    notebook = await gate.create({passphrase!r}, Settings())
    draft = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.screenings.save(draft.with_identity(Identity(name={word!r})))
    task = asyncio.create_task(lost())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda: {message!r}.index("nothing like it") or 1)
    Bad()
    thread = threading.Thread(target=lambda: int({message!r}))
    thread.start()
    thread.join()
    await asyncio.sleep(0)
    {end}

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="dumps are forbidden in another way elsewhere")
@pytest.mark.parametrize("end", ["os.abort()", f"raise RuntimeError({IN_A_MESSAGE!r})"])
def test_a_crash_leaves_no_word_no_passphrase_and_no_memory(tmp_path: Path, end: str) -> None:
    places = {name: tmp_path / name for name in ("data", "cwd", "home", "cache", "temp")}
    for place in places.values():
        place.mkdir()
    env = {
        **os.environ,
        "HOME": str(places["home"]),
        "XDG_CACHE_HOME": str(places["cache"]),
        "TMPDIR": str(places["temp"]),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    code = CRASHES.format(
        data=str(places["data"]), passphrase=PASSPHRASE, word=WORD, message=IN_A_MESSAGE, end=end
    )
    # The program comes on standard input: a traceback of a file would be searched together with the file.
    done = subprocess.run(
        [sys.executable, "-"], input=code.encode(), capture_output=True, cwd=places["cwd"], env=env
    )
    limits, dumpable = json.loads(done.stdout.splitlines()[0])
    assert (limits, dumpable) == ([0, 0], 0)
    assert done.returncode != 0
    said = (done.stdout + done.stderr).decode()
    assert said.count("ValueError") >= 3, said
    (tmp_path / "said").write_text(said)
    assert leaks([WORD, IN_A_MESSAGE, PASSPHRASE], [tmp_path]) == []
    assert [place for place in ("cwd", "cache", "temp") if list(places[place].iterdir())] == []


def test_nothing_that_lies_about_in_a_checkout_gets_into_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, target = tmp_path / "checkout", tmp_path / "app"
    planted = [
        "notebook/v.db",
        "build/notes.json",
        ".env",
        "fieldapp/notes.json",
        "fieldapp/ui/session.log",
        "fieldapp/vault/__pycache__/vault.cpython-311.pyc",
        "fieldapp/services/attic.py",
        "sync/core.1234",
    ]
    for package in ("fieldapp", "sync"):
        for file in (staging.ROOT / package).rglob("*.py"):
            copy = root / file.relative_to(staging.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (root / "pyproject.toml").write_bytes((staging.ROOT / "pyproject.toml").read_bytes())
    for name in planted:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {WORD} {PASSPHRASE}")
    here = str(staging.ROOT)
    monkeypatch.setattr(staging, "ROOT", root)
    staging.stage(target)
    assert len(leaks([WORD], [root])) == len(planted), "the search finds what was planted"
    assert leaks([WORD, PASSPHRASE, here, str(root)], [target]) == []

"""The field app dies in every way a program can: no word, no passphrase and no memory of it is left anywhere.

What is searched: what it printed, also by Python's own handler of fatal errors; its data, the folder it ran in, the
user's home, caches and temporary files, and what Python keeps of the program's modules. It runs without a key store of
the system, with a library beside it that would keep one in a readable file, as its configuration asks for.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fieldapp.stage import folder as staging
from tests.fakes.canary import canary, leaks
from tests.session.field_harness import PASSPHRASE

WORD, IN_A_MESSAGE, CONTROL = canary(1), canary(2), canary(3)

PLAIN = """
import json, os
from keyring.backend import KeyringBackend

FILE = os.path.join(os.environ["HOME"], "keys.txt")

class Keyring(KeyringBackend):
    priority = 99

    def held(self):
        return json.load(open(FILE)) if os.path.exists(FILE) else {}

    def change(self, service, password):
        held = {**self.held(), service: password}
        json.dump({name: word for name, word in held.items() if word}, open(FILE, "w"))

    def set_password(self, service, username, password):
        self.change(service, password)

    def get_password(self, service, username):
        return self.held().get(service)

    def delete_password(self, service, username):
        self.change(service, None)
"""
"""What a plug-in for the library of key stores looks like that keeps its entries in a readable file."""

CRASHES = """
import asyncio, ctypes, gc, json, os, resource, sys, threading
from pathlib import Path
from fieldapp.bootstrap import field_gate, prepare
prepare()
import flet
from fieldapp.domain.screening import Identity, Mode
from fieldapp.kit.boundary import guard_session
from fieldapp.config import Config
from fieldapp.services.settings import Settings
from fieldapp.vault import FLOOR

print(json.dumps([resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]), flush=True)

async def lost():
    raise ValueError({message!r})

class Bad:
    def __del__(self):
        raise ValueError({message!r})

async def main():
    gate = field_gate(Config(Path({data!r})))
    gate._calibrated = lambda: FLOOR
    print("key store:", gate.has_keystore, flush=True)
    notebook = await gate.create({passphrase!r}, Settings())
    draft = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.screenings.save(draft.with_identity(Identity(name={word!r})))
    import keyring
    keyring.set_password("anybody else", "who asks the library", {control!r})
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
    places = {name: tmp_path / name for name in ("data", "cwd", "home", "cache", "temp", "modules")}
    for place in places.values():
        place.mkdir()
    plug_in = tmp_path / "plug-in"
    (plug_in / "plain-1.0.dist-info").mkdir(parents=True)
    (plug_in / "plain.py").write_text(PLAIN)
    (plug_in / "plain-1.0.dist-info" / "entry_points.txt").write_text("[keyring.backends]\nplain = plain\n")
    (plug_in / "plain-1.0.dist-info" / "METADATA").write_text("Name: plain\nVersion: 1.0\n")
    settings = places["home"] / "settings" / "python_keyring" / "keyringrc.cfg"
    settings.parent.mkdir(parents=True)
    settings.write_text("[backend]\ndefault-keyring=plain.Keyring\n")
    env = {
        **os.environ,
        "HOME": str(places["home"]),
        "XDG_CACHE_HOME": str(places["cache"]),
        "TMPDIR": str(places["temp"]),
        "XDG_CONFIG_HOME": str(places["home"] / "settings"),
        "PYTHON_KEYRING_BACKEND": "plain.Keyring",
        "PYTHONPATH": os.pathsep.join([str(staging.ROOT), str(plug_in)]),
        "PYTHONFAULTHANDLER": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(places["modules"]),
    }
    code = CRASHES.format(
        data=str(places["data"]),
        passphrase=PASSPHRASE,
        word=WORD,
        message=IN_A_MESSAGE,
        control=CONTROL,
        end=end,
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
    assert ("Fatal Python error" in said) is ("abort" in end)
    (tmp_path / "said").write_text(said)
    assert "key store: False" in said
    assert list(places["modules"].rglob("gate.*.pyc")), "Python keeps what it has compiled"
    assert leaks([WORD, IN_A_MESSAGE, PASSPHRASE], [tmp_path]) == []
    assert leaks([CONTROL], [tmp_path]) == [f"{CONTROL} in keys.txt"], (
        "the library would have written it there"
    )
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
    packed = tmp_path / "packed"
    packed.mkdir()
    for folder in (root, target):  # as a package is built of it
        shutil.make_archive(str(packed / folder.name), "zip", folder)
    assert leaks([WORD, PASSPHRASE, here], [packed]) == [
        f"{word} in checkout.zip" for word in (WORD, PASSPHRASE)
    ]

"""A field device that answers, finishes and syncs for ever, and says on standard output what it has confirmed.

    python -m tests.faults.field_driver FOLDER

Reads one JSON line per life on standard input: {"now": seconds, "task": "work" | "look"}. Each life is a fork of this
warm process, so that two hundred of them take minutes and not an hour; the test kills the child by its pid.

`work` prints "saved <id> <answers>", "noted <id> <letters>", "attached <id> <files>", "finished <id>", "synced" after the
call has returned, which is when a screen would show it. `look` unlocks once, prints the state as one JSON line and ends.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from fieldapp.domain.contact import Outcome
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.domain.unfinished import OpenContact
from fieldapp.services.case_file import Entry
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.media import prepare
from fieldapp.services.notebook import Notebook
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from tests.fakes import media
from tests.fakes.clock import FixedClock

CASE = b"c" * 16
NOTE = "made-up note of a contact"
PASSPHRASE = "made-up words for a test device only"


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def work(notebook: Notebook) -> None:
    screenings = notebook.screenings
    while True:
        drafts = screenings.unfinished
        screening = drafts[0] if drafts else await screenings.begin(Mode.OFFICER, language="en")
        for key in screening.order[len(screening.answers) :][:6]:
            screening = screening.with_answer(key, Answer.YES)
            await screenings.save(screening)
            say(f"saved {screening.id.hex()} {len(screening.answers)}")
        await log_contact(notebook)
        if len(screening.answers) >= 12:
            await attach(notebook, screening.id)
            await screenings.finish(screening, FinishChoice(FinishKind.SEND))
            say(f"finished {screening.id.hex()}")
            await notebook.delivery.once()
            say("synced")


async def attach(notebook: Notebook, owner: bytes) -> None:
    """Add a file of one piece, unless others are on their way already."""
    attachments = notebook.attachments
    if not attachments.of(owner) and attachments.pieces_here < 2:
        await attachments.add(owner, prepare(media.pdf(20_000)))
        say(f"attached {owner.hex()} {len(attachments.of(owner))}")


async def log_contact(notebook: Notebook) -> None:
    """Type the note of a contact letter by letter, going on with the one that a kill has left, and save it."""
    contacts, unfinished = notebook.contacts, notebook.unfinished
    case = contacts.case(CASE) or await contacts.open_case(CASE, "made up")
    begun = unfinished.contacts
    log = begun[0] if begun else OpenContact(notebook.book.ids.new_id(), CASE, notebook.book.clock.now())
    while len(log.note) < len(NOTE):
        log = replace(log, outcome=Outcome.OTHER, note=NOTE[: len(log.note) + 3])
        await unfinished.save(log)
        say(f"noted {log.id.hex()} {len(log.note)}")
    await contacts.log(case, Entry(Outcome.OTHER, note=log.note, reason="made-up reason"), begun=log)
    say(f"finished {log.id.hex()}")


def look(notebook: Notebook) -> None:
    book = notebook.book
    state = {
        "drafts": {s.id.hex(): len(s.answers) for s in notebook.screenings.unfinished},
        "logs": {log.id.hex(): len(log.note) for log in notebook.unfinished.contacts},
        "filed": {r.record_id.hex(): book.stage(r).name for r in book.filed},
        "files": {s.id.hex(): len(notebook.attachments.of(s.id)) for s in notebook.screenings.unfinished}
        | {r.record_id.hex(): len(r.attachments) for r in book.filed},
        "pieces": len(book._vault.records(Kind.PIECE)),
        "seqs": [meta.seq for _, meta in book.on_the_way],
        "hashes": [meta.env_hash.hex() for _, meta in book.on_the_way],
        "damaged": len(book.damaged),
    }
    say(json.dumps(state))


async def live(folder: Path, now: int, task: str) -> None:
    gate = Gate(
        folder, NoKeystore(), FixedClock(now), SystemIds(), lambda url: RelayClient(url, timeout=5),
        calibrated=lambda: FLOOR,
    )  # fmt: skip
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    say("unlocked")
    if task == "work":
        await work(notebook)
    elif task == "sync":
        await notebook.delivery.once()
        say("synced")
    else:
        look(notebook)
    await gate.shut()


def main() -> None:
    """Fork one life for each line."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 0
            try:
                asyncio.run(live(folder, order["now"], order["task"]))
            except BaseException as error:  # the parent must see it
                say(f"failed {type(error).__name__}: {error}")
                code = 1
            os._exit(code)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main()

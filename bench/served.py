"""What the browser of P3 shows, in a process of its own: ``python -m bench.served counter|field DIRECTORY``.

Prints the address; ends when standard input does.
"""

import asyncio
import sys
from pathlib import Path

import flet as ft

from bench import made_up
from fieldapp.assets import default_law
from fieldapp.host.loopback import serve
from fieldapp.kit.logs import pin_loggers
from fieldapp.services.settings import Settings
from fieldapp.ui.app import field_app


@ft.component
def counter() -> ft.Control:
    """Count taps: the least that Flet can do for one."""
    count, set_count = ft.use_state(0)
    add = ft.Button("Add", on_click=lambda: set_count(count + 1))
    marked = ft.MergeSemantics(ft.Semantics(identifier="add", content=add))
    return ft.Column([ft.Text(f"count {count}"), marked])


def counter_app(page: ft.Page) -> None:
    """Flet's `main` of the counter."""
    page.render(counter)


async def run(name: str, directory: Path) -> None:
    """Serve one app until standard input ends."""
    pin_loggers()
    gate = made_up.device(directory)
    if name == "field":
        await gate.create(made_up.PASSPHRASE, Settings())
        await gate.lock()
    served = await serve(field_app(gate, default_law()) if name == "field" else counter_app)
    print(served.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await served.stop()
    await gate.shut()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))

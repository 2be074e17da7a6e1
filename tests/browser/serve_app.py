"""Serve the ``main`` of a test module: ``python -m tests.browser.serve_app tests.browser.gallery``.

Prints the address. Answers each line on standard input: ``url`` with a fresh address, anything else with
what the module's ``answer`` returns. Ends when standard input does.
"""

import asyncio
import importlib
import sys

from fieldapp.host.loopback import serve
from fieldapp.kit.logs import pin_loggers


async def run(module_name: str) -> None:
    """Serve until standard input ends."""
    pin_loggers()
    module = importlib.import_module(module_name)
    served = await serve(
        module.main, capture=getattr(module, "CAPTURE", False), sound=getattr(module, "SOUND", False)
    )
    print(served.url, flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(served.new_url() if line == "url" else module.answer(line), flush=True)
    await served.stop()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))

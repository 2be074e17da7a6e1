"""The field app on an empty folder, for browser tests: a fast vault and no relay."""

import atexit
import shutil
import tempfile
from pathlib import Path

import httpx

from fieldapp.assets import default_law
from fieldapp.services.gate import Gate
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import field_app
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient

FOLDER = Path(tempfile.mkdtemp(prefix="field-app-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def no_network(url: str) -> RelayClient:
    """Make a client that never reaches a relay."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in this test")

    return RelayClient(url, transport=httpx.MockTransport(unreachable))


main = field_app(
    Gate(FOLDER, NoKeystore(), SystemClock(), SystemIds(), no_network, calibrated=lambda: FLOOR),
    default_law(),
)

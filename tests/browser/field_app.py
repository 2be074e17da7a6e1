"""The field app on an empty folder, for browser tests; no relay answers."""

import tempfile
from pathlib import Path

import httpx

from fieldapp.assets import default_law
from fieldapp.services.gate import Gate
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import field_app
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient

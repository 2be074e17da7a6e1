"""The composition root of the desk: its services, its screens, and a server on this machine only."""

import asyncio

from fieldapp.bootstrap import check_folder, prepare, serve_until_stopped
from fieldapp.config import Config
from fieldapp.desk.app import desk_app
from fieldapp.desk.gate import DeskGate
from fieldapp.services.desk.centre import CentreClientFactory
from sync.client import CentreClient


def desk_gate(config: Config, client: CentreClientFactory = CentreClient) -> DeskGate:
    """Make the door of the desk whose data is in `config.data_dir`; InputError when that is not a folder."""
    check_folder(config.data_dir)
    return DeskGate(config.data_dir, client=client)


def run_desk(config: Config) -> None:
    """Run the desk until it is told to stop."""
    prepare()
    gate = desk_gate(config)
    asyncio.run(serve_until_stopped(config, desk_app(gate), gate.shut, sound=True))

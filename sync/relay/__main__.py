"""The command `fieldapp-relay`."""

import asyncio
import json
import logging
import socket
import sys
from dataclasses import replace
from typing import Any, Final

import click
import uvicorn

from sync.protocol import CENTRE_ID_SIZE
from sync.relay.app import create_app, declare_restored, register_centre
from sync.relay.auth import decode_hex
from sync.relay.centres import CentreConflictError
from sync.relay.check import Checked, check
from sync.relay.database import Database, StoreUnavailableError
from sync.relay.limits import KEY_SIZE
from sync.relay.migrations import SchemaTooNewError
from sync.relay.quotas import DEFAULT_QUOTA, Quota
from sync.relay.server import LOCAL_PROXY, answer_at_once, server_config
from sync.relay.settings import REQUESTS_PER_MINUTE, RelaySettings, SettingsError, database_url

_DATABASE: Final = "fieldapp-relay.db"
_MIB: Final = 1024 * 1024


class _OneLineGroup(click.Group):
    """A group whose every complaint is one line and exit code 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line."""
        options["standalone_mode"] = False
        try:
            result = super().main(*args, **options)
        except click.ClickException as error:
            click.echo(f"fieldapp-relay: {error.format_message()}", err=True)
            sys.exit(2)
        except click.Abort:
            sys.exit(130)
        sys.exit(result if isinstance(result, int) else 0)


class _Hex(click.ParamType[bytes]):
    """A fixed number of bytes as lower-case hex."""

    name = "hex"

    def __init__(self, size: int) -> None:
        self._size = size

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the bytes, or fail with one line."""
        decoded = value if isinstance(value, bytes) else decode_hex(str(value), self._size)
        if decoded is None:
            self.fail(f"must be {2 * self._size} lower-case hex digits", param, ctx)
        return decoded


def _database(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        database_url(value)
    except SettingsError as error:
        raise click.BadParameter(str(error)) from None
    return value


_database_option = click.option(
    "--database",
    default=_DATABASE,
    show_default=True,
    callback=_database,
    help="A file (SQLite), or a postgresql:// URL.",
)


@click.group(cls=_OneLineGroup, invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8470, show_default=True, type=click.IntRange(1, 65535))
@_database_option
@click.option(
    "--public-host",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Host name under which clients reach this relay; may be repeated. Default: the address listened on.",
)
@click.option(
    "--proxy",
    multiple=True,
    metavar="ADDRESS",
    default=LOCAL_PROXY,
    show_default=True,
    help="Address or network of the TLS proxy, whose X-Forwarded-For is believed; may be repeated.",
)
@click.option(
    "--quota-items",
    default=DEFAULT_QUOTA.items,
    show_default=True,
    type=click.IntRange(1),
    help="Envelopes that one centre may have stored in each direction.",
)
@click.option(
    "--quota-mib",
    default=DEFAULT_QUOTA.bytes // _MIB,
    show_default=True,
    type=click.IntRange(1),
    help="The same in MiB.",
)
@click.option(
    "--requests-per-minute",
    default=REQUESTS_PER_MINUTE,
    show_default=True,
    type=click.IntRange(1),
    help="Requests of one address prefix (/24 or /48) to one process.",
)
@click.option(
    "--metrics-file",
    default="",
    metavar="PATH",
    help="Write counts by day and status class here, once a minute. Default: nowhere.",
)
@click.pass_context
def main(
    ctx: click.Context,
    host: str,
    port: int,
    database: str,
    public_host: tuple[str, ...],
    proxy: tuple[str, ...],
    quota_items: int,
    quota_mib: int,
    requests_per_minute: int,
    metrics_file: str,
) -> None:
    """Store and forward sealed envelopes. The relay can read none of them.

    Put a TLS proxy in front of it; it speaks plain HTTP and keeps no log of requests.
    """
    settings = RelaySettings(
        database,
        frozenset(name.lower() for name in public_host) or frozenset({f"{host}:{port}"}),
        quota=Quota(quota_items, quota_mib * _MIB),
        requests_per_minute=requests_per_minute,
        metrics_file=metrics_file,
    )
    ctx.obj = Checked(settings, host, port, proxy)
    if ctx.invoked_subcommand is not None:
        return
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    app = create_app(settings)
    bound = _bind(host, port)
    asyncio.run(_check(database))
    click.echo(f"relay on http://{host}:{port}")
    uvicorn.Server(server_config(app, proxies=proxy)).run(sockets=[bound])


@main.command("check")
@click.option("--public-url", default="", metavar="URL", help="The https address that clients use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.pass_obj
def check_command(checked: Checked, public_url: str, as_json: bool) -> int:
    """Check the configuration given before this word, and try a whole exchange.

    Prints one line for each finding. Exit code 0: all is well; 1: it serves, but look at the warnings; 2: it does not
    serve, or not safely. A throw-away centre is made and removed; nothing else is changed.
    """
    findings = asyncio.run(check(replace(checked, public_url=public_url.rstrip("/"))))
    worst = max(finding.level for finding in findings)
    if as_json:
        rows = [{"check": f.check, "level": f.level.name.lower(), "text": f.text} for f in findings]
        click.echo(json.dumps({"findings": rows, "exit_code": int(worst)}))
    else:
        for finding in findings:
            click.echo(f"{finding.level.name.lower():8} {finding.check}: {finding.text}")
    return int(worst)


@main.command("restored")
@_database_option
def restored(database: str) -> None:
    """Say that the database was restored from a backup, so that devices and desks offer again what it lacks."""
    try:
        centres = asyncio.run(declare_restored(database))
    except (StoreUnavailableError, SchemaTooNewError) as error:
        raise _unusable(error) from None
    click.echo(f"the clients of {centres} centres will begin again")


@main.group(cls=click.Group)
def centre() -> None:
    """Manage the centres that this relay serves."""


@centre.command("add")
@_database_option
@click.option(
    "--centre", "centre_id", required=True, type=_Hex(CENTRE_ID_SIZE), help="The centre's id, in hex."
)
@click.option("--key", required=True, type=_Hex(KEY_SIZE), help="Its first Ed25519 public key, in hex.")
@click.option("--name", required=True, help="A label for the operator.")
def centre_add(database: str, centre_id: bytes, key: bytes, name: str) -> None:
    """Let a centre use this relay. The rest (desks, boxes, tokens) it registers itself."""
    try:
        asyncio.run(register_centre(database, centre_id, key, name))
    except CentreConflictError:
        raise click.UsageError("this key belongs to another centre") from None
    except (StoreUnavailableError, SchemaTooNewError) as error:
        raise _unusable(error) from None
    click.echo(f"centre {centre_id.hex()} may use this relay")


async def _check(database: str) -> None:
    """Open the database once, so that a wrong path is one clear line instead of a failed start."""
    store = Database(database)
    try:
        await store.open()
    except (StoreUnavailableError, SchemaTooNewError) as error:
        raise _unusable(error) from None
    finally:
        await store.close()


def _unusable(error: Exception) -> click.UsageError:
    reason = str(error) or "it cannot be opened or written"
    return click.UsageError(f"the database cannot be used: {reason}")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    answer_at_once(bound)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise click.UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return bound


if __name__ == "__main__":
    main()

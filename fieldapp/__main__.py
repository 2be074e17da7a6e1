"""The command `fieldapp`. Every wrong option or file is one clear line and exit code 2."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from fieldapp.config import DESK_FOLDER, FIELD_FOLDER, Config, default_data_dir
from fieldapp.errors import FieldappError

Command = TypeVar("Command", bound=Callable[..., Any])


class OneLineGroup(click.Group):
    """A group whose every complaint is one line and exit code 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line."""
        options["standalone_mode"] = False
        try:
            result = super().main(*args, **options)
        except click.ClickException as error:
            _fail(error.format_message())
        except FieldappError as error:
            _fail(str(error))
        except click.Abort:
            sys.exit(130)
        sys.exit(result if isinstance(result, int) else 0)


def _fail(message: str) -> None:
    click.echo("fieldapp: " + " ".join(message.split()), err=True)
    sys.exit(2)


_port = click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; a free one by default."
)
_no_browser = click.option("--no-browser", is_flag=True, help="Print the address only.")


def _data_dir(folder: str) -> Callable[[Command], Command]:
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        default=lambda: default_data_dir(folder),
        help="Folder of the encrypted data.",
    )


@click.group(cls=OneLineGroup, invoke_without_command=True)
@_data_dir(FIELD_FOLDER)
@_port
@_no_browser
@click.pass_context
def main(context: click.Context, data_dir: Path, port: int, no_browser: bool) -> None:
    """Open the field app: screenings and contacts, encrypted from the first tap, with no network."""
    if context.invoked_subcommand is None:
        from fieldapp.bootstrap import run_field

        run_field(Config(data_dir, port, not no_browser))


@main.command()
@_data_dir(DESK_FOLDER)
@_port
@_no_browser
def desk(data_dir: Path, port: int, no_browser: bool) -> None:
    """Open the centre's desk."""
    from fieldapp.desk_bootstrap import run_desk

    run_desk(Config(data_dir, port, not no_browser))


@main.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the made-up data in this folder.")
@_no_browser
def demo(keep: Path | None, no_browser: bool) -> None:
    """Show everything on this machine with made-up cases: relay, desk and field app."""
    from fieldapp.demo.world import run_demo

    run_demo(keep, browser=not no_browser)


@main.command()
@click.argument("source", metavar="FILE|-", type=click.File("rb"))
def triage(source: IO[bytes]) -> None:
    """Triage the answers in a JSON file, or on standard input with "-"."""
    from fieldapp.triage_command import run_triage

    click.echo(run_triage(source.read()))


@main.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("build/app"), show_default=True, help="Where to."
)
@click.option("--bundle-id", default="", help="The package's own name, such as org.example.notebook.")
@click.option(
    "--camera", is_flag=True, help="With a camera, to scan a code and take photos: the package asks for it."
)
@click.option("--microphone", is_flag=True, help="With a microphone, to record: the package asks for it.")
@click.option(
    "--template",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Flet's build template, unpacked: it is hardened in place.",
)
def stage(out: Path, bundle_id: str, camera: bool, microphone: bool, template: Path | None) -> None:
    """Lay out what a phone gets, for "flet build": the field app without desk, relay and demo."""
    from fieldapp.stage.folder import BUNDLE_ID, stage
    from fieldapp.stage.hardening import harden

    changed = harden(template) if template else []
    names = stage(out, bundle_id=bundle_id or BUNDLE_ID, camera=camera, microphone=microphone)
    click.echo(f"{len(names)} modules in {out}")
    if template:
        click.echo(f"{len(changed)} files of the template hardened")


@main.group(cls=OneLineGroup)
def keys() -> None:
    """Keep a key of a centre, and sign with it what its desk asks for."""


_folder = click.Path(path_type=Path, exists=True, file_okay=False)
_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@keys.command("create")
@click.argument("folder", type=_folder)
@click.option("--name", default="", help="Whose key it is, for the people at the centre.")
def keys_create(folder: Path, name: str) -> None:
    """Make a key on the medium in FOLDER, and show its seven words once."""
    from fieldapp.keys_command import create_keys
    from fieldapp.system import SystemClock

    paper = create_keys(folder, name, SystemClock())
    click.echo(f"Key {paper.label} is in {paper.folder}")
    click.echo("Its seven words, shown only now. Write them down and keep the paper in a safe:\n")
    click.echo(f"  {paper.words}\n")
    click.echo("Bring the medium to the desk once, so that it can read the card beside the key.")


@keys.command("show")
@click.argument("request", type=_file)
def keys_show(request: Path) -> None:
    """Say in plain words what a desk asks to be signed."""
    from fieldapp.keys_command import describe, load_request
    from fieldapp.system import SystemClock

    click.echo(describe(load_request(request), SystemClock()))


@keys.command("sign")
@click.argument("request", type=_file)
@click.argument("folder", type=_folder)
@click.option("--yes", is_flag=True, help="Do not ask whether to sign what is shown.")
def keys_sign(request: Path, folder: Path, yes: bool) -> None:
    """Show what is asked, then sign it with the key in FOLDER; the signature lies beside the request."""
    from fieldapp.keys_command import describe, load_request, sign_request
    from fieldapp.system import SystemClock

    asked, clock = load_request(request), SystemClock()
    click.echo(describe(asked, clock))
    if not yes:
        click.confirm("Sign this?", abort=True)
    words = click.prompt("The seven words", hide_input=True)
    written, again = sign_request(asked, request, folder, words, clock)
    click.echo(f"Signed: {written}")
    if again:
        click.echo(
            "This key has signed another request for the same version: only one of the two may be published."
        )


if __name__ == "__main__":
    main()

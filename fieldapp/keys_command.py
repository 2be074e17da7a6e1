"""The pure part of ``fieldapp keys``: what a key holder does on a computer of their own, with no desk and no network.

    fieldapp keys create FOLDER             a key vault on a medium, its words (once), its card
    fieldapp keys show REQUEST              what a desk asks to be signed, in plain words
    fieldapp keys sign REQUEST FOLDER       the same, then the signature beside the request

Everything that is wrong is InputError with one line.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fieldapp.domain.ids import Clock
from fieldapp.errors import FieldappError, InputError
from fieldapp.kit.i18n import Translator
from fieldapp.kit.signing_words import change_lines, plain
from fieldapp.kit.times import date_words
from fieldapp.services import custody
from fieldapp.services.custody import HolderKeys, KeyPaper
from fieldapp.vault import DESK, KdfParameters
from fieldapp.vault.errors import VaultError
from sync.comparison import changes, key_label
from sync.errors import DirectoryRejected
from sync.protocol import DAY
from sync.signing import MAX_REQUEST, SigningRequest, read_request

MAX_NAME: Final = 60
_STRANGE_DATE: Final = 30 * DAY
"""A request so far from this computer's own date is worth a question."""
_REFUSED: Final = {
    "signer": "this key is not asked to sign",
    "centre": "this key belongs to another centre",
    "rollback": "this key has signed a newer version already: ask which desk sent this",
}


def create_keys(folder: Path, name: str, clock: Clock, parameters: KdfParameters = DESK) -> KeyPaper:
    """Make a key vault in a new folder inside `folder`, with its card; the words are shown once. Slow."""
    if len(name) > MAX_NAME:
        raise InputError(f"--name: at most {MAX_NAME} letters.")
    keys = HolderKeys.generate()
    with _one_line("FOLDER"):
        medium = custody.key_folder(str(folder.absolute()))
        if medium is None:
            raise InputError("FOLDER: is empty.")
        inside = medium / f"key-{keys.directory.public.hex()[:8]}"
        return custody.create_key_vault(inside, keys, custody.UNBOUND, name, parameters, clock)


def load_request(path: Path) -> SigningRequest:
    """Read and verify a request file."""
    try:
        with path.open("rb") as file:
            return read_request(file.read(MAX_REQUEST + 1))
    except OSError:
        raise InputError("REQUEST: cannot be read.") from None
    except DirectoryRejected as error:
        raise InputError(f"REQUEST: is damaged or no signing request ({error.reason}).") from None


def describe(request: SigningRequest, clock: Clock) -> str:
    """Return everything that a request changes, one thing a line. Nothing in it can move the cursor."""
    proposal, now = request.proposal, clock.now()
    lines = [
        f"Centre {key_label(proposal.present.centre_id)} (compare it with your paper or the desk's screen)",
        f"Asked by the desk: {plain(request.asked_by)}",
        f"To be signed: version {proposal.directory.v} of the centre's address list"
        + (f", and version {proposal.next_root.v} of its root" if proposal.root else ""),
        *(f"  - {line}" for line in change_lines(Translator("en"), changes(proposal))),
    ]
    if abs(now - proposal.directory.issued) > _STRANGE_DATE:
        lines.append(f"Careful: today is {date_words(now)} on this computer. Is the date above right?")
    return "\n".join(lines)


def sign_request(
    request: SigningRequest, path: Path, folder: Path, words: str, clock: Clock
) -> tuple[Path, bool]:
    """Sign with the key vault in `folder`; returns the signature file, written beside the request.

    The second value says that this key has signed other content of the same version before.
    """
    with _one_line("FOLDER"):
        vault = custody.find_key_vault(folder)
        signed = custody.sign(vault, words, request.proposal, clock)
    name = f"{path.stem}-{custody.mark_of(signed.data)}{custody.SIGNATURES_SUFFIX}"
    with _one_line("REQUEST"):
        return custody.write_file(path.absolute().parent, name, signed.data), signed.again


@contextmanager
def _one_line(argument: str) -> Iterator[None]:
    """Turn what storage raises into one line that names the argument."""
    try:
        yield
    except InputError:
        raise
    except DirectoryRejected as error:
        words = _REFUSED.get(error.reason, f"cannot be signed ({error.reason})")
        raise InputError(f"{argument}: {words}.") from None
    except (FieldappError, VaultError) as error:
        raise InputError(f"{argument}: {error.diagnostics()}") from None

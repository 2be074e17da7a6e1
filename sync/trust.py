"""What a device or desk believes about its centre, and the only way to change it (PROTOCOL.md, section 6.4).

`GET /v1/dir/latest` returns one blob: roots 1 to n and one directory, as a row of signed containers. Everything
starts from the pinned `centre_id`. A state only moves forward; expiry warns and never refuses, because a field tool
that stops recording is a danger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.directory import Directory, directory_hash, verify_directory
from sync.errors import DirectoryRejected
from sync.protocol import DOC_ROOT, EXPIRY_WARNING
from sync.root import Root, verify_chain
from sync.signed import parse_row


@dataclass(frozen=True, slots=True)
class TrustedState:
    """A verified blob: all roots of the centre (the last one is in force) and its directory."""

    roots: tuple[Root, ...]
    directory: Directory
    dir_hash: bytes
    blob: bytes = field(repr=False)

    @classmethod
    def pin(cls, centre_id: bytes, blob: bytes) -> "TrustedState":
        """Verify a blob against nothing but the centre id (16 bytes) from the code; DirectoryRejected."""
        row = parse_row(blob)
        cut = sum(1 for document in row if document.doc_type == DOC_ROOT)
        if len(row) != cut + 1:
            raise DirectoryRejected("container")
        roots = verify_chain(row[:cut], centre_id)
        directory = verify_directory(row[cut], roots[-1])
        return cls(roots, directory, directory_hash(row[cut].document), blob)

    @property
    def centre_id(self) -> bytes:
        """The pinned id, 16 bytes."""
        return self.root.centre_id

    @property
    def root(self) -> Root:
        """The root in force."""
        return self.roots[-1]

    @property
    def version(self) -> int:
        """The directory's version."""
        return self.directory.v

    @property
    def expires(self) -> int:
        """When root or directory run out, whichever is first."""
        return min(self.root.expires, self.directory.expires)

    def expired(self, now: int) -> bool:
        """Tell whether root or directory are past their date: a warning for the screen, nothing more."""
        return now >= self.expires

    def expires_soon(self, now: int) -> bool:
        """Tell whether less than 30 days are left: a warning too. A clock set back does not silence it."""
        return max(now, self.directory.issued) >= self.expires - EXPIRY_WARNING

    def to_bytes(self) -> bytes:
        """Encode for the vault; `from_bytes` verifies everything again."""
        return self.centre_id + self.blob

    @classmethod
    def from_bytes(cls, data: bytes) -> "TrustedState":
        """Read what `to_bytes` made; DirectoryRejected when it is damaged."""
        return cls.pin(data[:16], data[16:])


def update(state: TrustedState, blob: bytes) -> TrustedState:
    """Return the state after a newer blob, or the same state for the same blob.

    DirectoryRejected, with the present state still in force: everything `TrustedState.pin` refuses, root_chain
    (another history of roots), rollback (lower version), split_view (same version, other bytes), prev_hash.
    """
    new = TrustedState.pin(state.centre_id, blob)
    if len(new.roots) < len(state.roots):
        raise DirectoryRejected("rollback")
    if new.roots[len(state.roots) - 1] != state.root:
        raise DirectoryRejected("root_chain")
    if new.version < state.version:
        raise DirectoryRejected("rollback")
    if new.version == state.version:
        if new.dir_hash != state.dir_hash:
            raise DirectoryRejected("split_view")
        return state
    if new.version == state.version + 1 and new.directory.prev_hash != state.dir_hash:
        raise DirectoryRejected("prev_hash")
    return new


def make_blob(roots: Sequence[bytes], directory: bytes) -> bytes:
    """Join the containers of roots 1 to n and of the directory into what the relay serves."""
    return b"".join((*roots, directory))

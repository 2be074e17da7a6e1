"""The root: who may sign what in one centre, and the anchor of all trust (PROTOCOL.md, section 6.2).

A device knows only `centre_id`, 16 bytes typed from a code. They are a hash of root version 1, so nobody can hand it
another root. Every later root is signed by the threshold of the one before and by its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sync import canonical
from sync.errors import CanonicalError, DirectoryRejected
from sync.fields import Fields, hex_list
from sync.primitives import SigningKey, blake
from sync.protocol import DOC_ROOT, MAX_COUNTER, MAX_SIGNERS
from sync.signed import SignedDocument

NO_HASH: Final = bytes(32)
"""`prev_hash` of version 1."""


@dataclass(frozen=True, slots=True)
class Root:
    """Root version `v`: keys (32 bytes each), how many of them must sign, and a time of expiry that only warns."""

    v: int
    centre_id: bytes
    threshold: int
    root_keys: tuple[bytes, ...]
    dir_threshold: int
    dir_keys: tuple[bytes, ...]
    command_keys: tuple[bytes, ...]
    prev_hash: bytes
    expires: int

    @classmethod
    def first(
        cls,
        *,
        threshold: int,
        root_keys: Sequence[bytes],
        dir_threshold: int,
        dir_keys: Sequence[bytes],
        command_keys: Sequence[bytes],
        expires: int,
    ) -> "Root":
        """Make version 1, whose hash gives the centre its id."""
        draft = cls(
            v=1,
            centre_id=bytes(16),
            threshold=threshold,
            root_keys=tuple(root_keys),
            dir_threshold=dir_threshold,
            dir_keys=tuple(dir_keys),
            command_keys=tuple(command_keys),
            prev_hash=NO_HASH,
            expires=expires,
        )
        return replace(draft, centre_id=centre_id_of(draft.to_bytes()))

    def next(
        self,
        *,
        threshold: int,
        root_keys: Sequence[bytes],
        dir_threshold: int,
        dir_keys: Sequence[bytes],
        expires: int,
    ) -> "Root":
        """Return the version after this one with other keys; the command keys stay."""
        return replace(
            self,
            v=self.v + 1,
            threshold=threshold,
            root_keys=tuple(root_keys),
            dir_threshold=dir_threshold,
            dir_keys=tuple(dir_keys),
            prev_hash=self.hash,
            expires=expires,
        )

    @property
    def hash(self) -> bytes:
        """H("fsd1 root", document): what the next root names as `prev_hash`."""
        return blake(b"fsd1 root", self.to_bytes())

    def to_bytes(self) -> bytes:
        """Encode the document: canonical JSON."""
        return canonical.dumps(
            {
                "centre_id": self.centre_id.hex(),
                "command_keys": hex_list(self.command_keys),
                "dir_keys": hex_list(self.dir_keys),
                "dir_threshold": self.dir_threshold,
                "expires": self.expires,
                "prev_hash": self.prev_hash.hex(),
                "root_keys": hex_list(self.root_keys),
                "threshold": self.threshold,
                "v": self.v,
            }
        )

    @classmethod
    def from_bytes(cls, document: bytes) -> "Root":
        """Read a document; DirectoryRejected(document) when a field is wrong or a threshold cannot be met."""
        try:
            fields = Fields.parse(document).exactly(*_FIELDS)
            root_keys = _keys(fields, "root_keys")
            dir_keys = _keys(fields, "dir_keys")
            return cls(
                v=fields.number("v", 1, MAX_COUNTER),
                centre_id=fields.binary("centre_id", 16),
                threshold=fields.number("threshold", 1, len(root_keys)),
                root_keys=root_keys,
                dir_threshold=fields.number("dir_threshold", 1, len(dir_keys)),
                dir_keys=dir_keys,
                command_keys=_keys(fields, "command_keys"),
                prev_hash=fields.binary("prev_hash", 32),
                expires=fields.number("expires"),
            )
        except CanonicalError:
            raise DirectoryRejected("document") from None


_FIELDS: Final = (
    "centre_id",
    "command_keys",
    "dir_keys",
    "dir_threshold",
    "expires",
    "prev_hash",
    "root_keys",
    "threshold",
    "v",
)


def _keys(fields: Fields, name: str) -> tuple[bytes, ...]:
    """Read a list of keys; one key listed twice would meet a threshold of two alone."""
    keys = fields.binaries(name, 32, MAX_SIGNERS)
    if len(set(keys)) != len(keys):
        raise CanonicalError("key listed twice")
    return keys


def centre_id_of(root_document: bytes) -> bytes:
    """Return the first 16 bytes of H("fsd1 root", root version 1 without its field centre_id)."""
    value = canonical.loads_object(root_document)
    rest = {name: item for name, item in value.items() if name != "centre_id"}
    return blake(b"fsd1 root", canonical.dumps(rest))[:16]


def signers_of(root: Root, previous: Root | None) -> tuple[bytes, ...]:
    """Return the list that the signature indices of a root refer to: its own root keys, then the former ones."""
    former = () if previous is None else tuple(k for k in previous.root_keys if k not in root.root_keys)
    return (*root.root_keys, *former)


def sign_root(root: Root, keys: Sequence[SigningKey], previous: Root | None = None) -> bytes:
    """Sign a root with keys of its own and, from version 2 on, of the previous one; returns the container."""
    return SignedDocument.sign(DOC_ROOT, root.to_bytes(), signers_of(root, previous), keys).to_bytes()


def verify_chain(documents: Sequence[SignedDocument], centre_id: bytes) -> tuple[Root, ...]:
    """Check roots 1 to n against a pinned centre id; returns them, or DirectoryRejected.

    Reasons: container, document, centre (another centre), root_chain (version or prev_hash), signature, threshold.
    """
    roots: list[Root] = []
    for signed in documents:
        if signed.doc_type != DOC_ROOT:
            raise DirectoryRejected("container")
        root = Root.from_bytes(signed.document)
        previous = roots[-1] if roots else None
        _check_link(root, signed.document, previous, centre_id)
        _check_signatures(root, signed, previous)
        roots.append(root)
    if not roots:
        raise DirectoryRejected("container")
    return tuple(roots)


def _check_link(root: Root, document: bytes, previous: Root | None, centre_id: bytes) -> None:
    if root.centre_id != centre_id or (previous is None and centre_id_of(document) != centre_id):
        raise DirectoryRejected("centre")
    expected = (1, NO_HASH) if previous is None else (previous.v + 1, previous.hash)
    if (root.v, root.prev_hash) != expected:
        raise DirectoryRejected("root_chain")


def _check_signatures(root: Root, signed: SignedDocument, previous: Root | None) -> None:
    """Count distinct valid signatures under the new root's threshold, and under the old one's."""
    valid = signed.valid_signers(signers_of(root, previous))
    for judge in (root, previous):
        if judge is not None and len(valid.intersection(judge.root_keys)) < judge.threshold:
            raise DirectoryRejected("threshold")

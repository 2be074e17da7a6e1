"""What a desk asks key holders to sign, and how their signatures come together (PROTOCOL.md, section 6.6).

    proposal = Proposal.of(state, directory, root)       # at the desk: the next directory, and root if keys change
    request = proposal.request(desk_key)                 # a file that is carried to each key holder
    asked = read_request(request)                        # there: verified against the roots that it carries
    brought = asked.proposal.signed_by(root_key, dir_key)   # shown in plain words (`sync.comparison`), then signed
    proposal = proposal.with_signatures(brought)         # at the desk, until `complete`
    newer = update(state, proposal.blob())

A signature file is a row of the same containers in which documents are published, with one holder's signatures: the
bytes that are signed are the bytes that are published. A request shows nobody anything that devices do not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sync import canonical
from sync.directory import Directory, directory_hash
from sync.errors import CanonicalError, DirectoryRejected
from sync.fields import Fields
from sync.primitives import SigningKey
from sync.protocol import DOC_DIRECTORY, DOC_KEY_CARD, DOC_ROOT, DOC_SIGNING_REQUEST, MAX_BODY, SUITE
from sync.root import Root, signers_of
from sync.signed import SignedDocument, parse_one, parse_row
from sync.trust import TrustedState, make_blob, update

MAX_REQUEST: Final = 5 * MAX_BODY
"""Longest request, bytes: the blob in force and what is proposed, in hexadecimal."""
_REQUEST_FIELDS: Final = ("centre_id", "directory", "present", "root", "v")
_CARD_FIELDS: Final = ("directory_key", "name", "root_key", "v")


class Quorum(StrEnum):
    """A group of keys of which enough must sign."""

    DIRECTORY = "directory"
    ROOT = "root"
    """The keys of the root that is proposed."""
    FORMER_ROOT = "former_root"
    """The keys of the root in force, which must agree to be followed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far one quorum has come: distinct valid signers, and how many it needs."""

    quorum: Quorum
    have: int
    need: int

    @property
    def met(self) -> bool:
        """Whether enough have signed."""
        return self.have >= self.need


@dataclass(frozen=True, slots=True)
class Proposal:
    """The documents that are to follow `present`, with the signatures collected so far.

    `signed` holds the directory, and before it the root when that changes too; each perhaps without a signature.
    """

    present: TrustedState
    directory: Directory
    root: Root | None
    signed: tuple[SignedDocument, ...]

    @classmethod
    def of(cls, present: TrustedState, directory: Directory, root: Root | None = None) -> "Proposal":
        """Propose documents; DirectoryRejected for what no reader would take even with all signatures."""
        roots = [] if root is None else [SignedDocument(DOC_ROOT, root.to_bytes(), ())]
        return cls.from_documents(present, [*roots, SignedDocument(DOC_DIRECTORY, directory.to_bytes(), ())])

    @classmethod
    def from_documents(cls, present: TrustedState, signed: Sequence[SignedDocument]) -> "Proposal":
        """Check documents as the successors of `present`, and every signature that they carry.

        DirectoryRejected: container, document (also one with more in it than this version can show), prekeys,
        intake, centre, root_chain, root_version, min_suite, rollback, prev_hash, signature.
        """
        types = [document.doc_type for document in signed]
        if types not in ([DOC_DIRECTORY], [DOC_ROOT, DOC_DIRECTORY]):
            raise DirectoryRejected("container")
        directory = Directory.from_bytes(signed[-1].document)
        root = Root.from_bytes(signed[0].document) if len(signed) == 2 else None
        if directory.to_bytes() != signed[-1].document:
            # Readers ignore fields that they do not know. Who signs must have seen all of them.
            raise DirectoryRejected("document")
        _check_root(present, root)
        _check_directory(present, directory, root or present.root)
        proposal = cls(present, directory, root, tuple(signed))
        for document in signed:
            document.valid_signers(proposal._signers(document))
        return proposal

    @property
    def next_root(self) -> Root:
        """The root that the directory belongs to."""
        return self.root or self.present.root

    @property
    def dir_hash(self) -> bytes:
        """The hash of the directory: what it will be known by."""
        return directory_hash(self.signed[-1].document)

    def signed_by(self, root_key: SigningKey, directory_key: SigningKey) -> bytes:
        """Sign what these keys are asked for; returns the signature file. DirectoryRejected(signer): nothing is."""
        documents: list[SignedDocument] = []
        for document in self.signed:
            key = root_key if document.doc_type == DOC_ROOT else directory_key
            if key.public in (signers := self._signers(document)):
                documents.append(replace(document, signatures=()).with_signature(signers, key))
        if not documents:
            raise DirectoryRejected("signer")
        return b"".join(document.to_bytes() for document in documents)

    def with_signatures(self, data: bytes) -> "Proposal":
        """Return the proposal with the signatures of a signature file too.

        DirectoryRejected with nothing taken: container, document (signatures over something else), signature.
        """
        brought = {document.doc_type: document for document in parse_row(data)}
        if not brought.keys() <= {document.doc_type for document in self.signed}:
            raise DirectoryRejected("document")
        merged = [
            document.merged(brought[document.doc_type]) if document.doc_type in brought else document
            for document in self.signed
        ]
        return Proposal.from_documents(self.present, merged)

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """How far each quorum has come, the directory's first."""
        valid = {d.doc_type: d.valid_signers(self._signers(d)) for d in self.signed}
        root, former = self.next_root, self.present.root
        have = valid[DOC_DIRECTORY].intersection(root.dir_keys)
        tallies = [Tally(Quorum.DIRECTORY, len(have), root.dir_threshold)]
        if self.root is not None:
            for quorum, judge in ((Quorum.ROOT, root), (Quorum.FORMER_ROOT, former)):
                have = valid[DOC_ROOT].intersection(judge.root_keys)
                tallies.append(Tally(quorum, len(have), judge.threshold))
        return tuple(tallies)

    @property
    def complete(self) -> bool:
        """Whether every quorum is met: it can be published."""
        return all(tally.met for tally in self.tallies)

    def blob(self) -> bytes:
        """Return what is published, verified as every reader will; DirectoryRejected(threshold) when not complete."""
        if not self.complete:
            raise DirectoryRejected("threshold")
        roots = [document.to_bytes() for document in parse_row(self.present.blob)[:-1]]
        blob = make_blob(roots, b"".join(document.to_bytes() for document in self.signed))
        update(self.present, blob)
        return blob

    def request(self, desk_key: SigningKey) -> bytes:
        """Return the request file, signed by the desk that asks; it carries no signature of a key holder."""
        document = canonical.dumps(
            {
                "centre_id": self.present.centre_id.hex(),
                "directory": self.signed[-1].document.hex(),
                "present": self.present.blob.hex(),
                "root": "" if self.root is None else self.signed[0].document.hex(),
                "v": 1,
            }
        )
        return SignedDocument.sign(DOC_SIGNING_REQUEST, document, [desk_key.public], [desk_key]).to_bytes()

    def _signers(self, document: SignedDocument) -> tuple[bytes, ...]:
        if document.doc_type == DOC_DIRECTORY:
            return self.next_root.dir_keys
        return signers_of(self.next_root, self.present.root)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request as a key holder reads it: what is proposed, and the name of the desk that asks for it."""

    proposal: Proposal
    asked_by: str


def read_request(data: bytes) -> SigningRequest:
    """Read and verify a request file; DirectoryRejected as `TrustedState.pin` and `Proposal.from_documents`.

    The roots that it carries prove the centre id and no more: whether that is one's own centre is the caller's check.
    """
    signed = parse_one(data, DOC_SIGNING_REQUEST, MAX_REQUEST)
    try:
        fields = Fields.parse(signed.document).exactly(*_REQUEST_FIELDS)
        fields.number("v", 1, 1)
        centre_id, present = fields.binary("centre_id", 16), fields.binary("present")
        root, directory = fields.binary("root"), fields.binary("directory")
    except CanonicalError:
        raise DirectoryRejected("document") from None
    state = TrustedState.pin(centre_id, present)
    names = [desk.name for desk in state.directory.desks if _vouches(signed, [desk.sign_pk])]
    if not names:
        raise DirectoryRejected("signature")
    roots = [SignedDocument(DOC_ROOT, root, ())] if root else []
    documents = [*roots, SignedDocument(DOC_DIRECTORY, directory, ())]
    return SigningRequest(Proposal.from_documents(state, documents), names[0])


@dataclass(frozen=True, slots=True)
class KeyCard:
    """The public half of a key vault: what a centre needs to make its owner a key holder. `name` is for people."""

    name: str
    root_key: bytes
    directory_key: bytes


def write_card(name: str, root_key: SigningKey, directory_key: SigningKey) -> bytes:
    """Return a card, signed with both keys: nobody can offer a key that is somebody else's."""
    keys = [root_key, directory_key]
    document = canonical.dumps(
        {
            "directory_key": directory_key.public.hex(),
            "name": name,
            "root_key": root_key.public.hex(),
            "v": 1,
        }
    )
    return SignedDocument.sign(DOC_KEY_CARD, document, [key.public for key in keys], keys).to_bytes()


def read_card(data: bytes) -> KeyCard:
    """Read and verify a card; DirectoryRejected(container | document | signature)."""
    signed = parse_one(data, DOC_KEY_CARD)
    try:
        fields = Fields.parse(signed.document).exactly(*_CARD_FIELDS)
        fields.number("v", 1, 1)
        card = KeyCard(
            fields.text("name", 60), fields.binary("root_key", 32), fields.binary("directory_key", 32)
        )
    except CanonicalError:
        raise DirectoryRejected("document") from None
    if not _vouches(signed, [card.root_key, card.directory_key]):
        raise DirectoryRejected("signature")
    return card


def _vouches(signed: SignedDocument, keys: Sequence[bytes]) -> bool:
    """Tell whether each of `keys` signed."""
    try:
        return signed.valid_signers(keys) == frozenset(keys)
    except DirectoryRejected:
        return False


def _check_root(present: TrustedState, root: Root | None) -> None:
    if root is None:
        return
    if root.centre_id != present.centre_id:
        raise DirectoryRejected("centre")
    if (root.v, root.prev_hash) != (present.root.v + 1, present.root.hash):
        raise DirectoryRejected("root_chain")


def _check_directory(present: TrustedState, directory: Directory, root: Root) -> None:
    if directory.centre_id != present.centre_id:
        raise DirectoryRejected("centre")
    if directory.root_v != root.v:
        raise DirectoryRejected("root_version")
    if directory.min_suite > SUITE:
        raise DirectoryRejected("min_suite")
    if directory.v != present.version + 1:
        raise DirectoryRejected("rollback")
    if directory.prev_hash != present.dir_hash:
        raise DirectoryRejected("prev_hash")

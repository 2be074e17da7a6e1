"""The next version of the centre's directory, from a wish to its publication (security: section 4).

    await signing.renew()                                  # or replace_prekeys, change_holders, propose
    await signing.sign_here(Path("/media/keys"), words)    # a key holder who is here
    await signing.write_request(stick)                     # for one who is not
    await signing.read_signatures(stick)                   # what they brought back
    await signing.publish()                                # once `signing.proposal.complete`

A desk cannot sign: it drafts, carries, counts and publishes. Every version renews the prekeys too, so that they reach 26
weeks ahead again; their private halves are in the vault before anybody is asked to sign. What is wished for while a
draft waits is added to it, and its signatures are asked for anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.services import custody
from fieldapp.services.custody import KeyFolderUnusable, Signatures
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.ceremony import DIRECTORY_SECONDS, ROOT_SECONDS, threshold_of
from fieldapp.services.desk.draft import Draft
from fieldapp.services.desk.records import Published, RoleKeys
from fieldapp.services.desk.rulings import unpublished, with_rulings
from sync.comparison import prekeys_until
from sync.directory import Directory, Role, model_name
from sync.errors import DirectoryRejected
from sync.keys import PrekeyRing
from sync.protocol import DAY, MAX_BODY, RENEW_BEFORE
from sync.root import Root
from sync.signing import KeyCard, Proposal, read_card
from sync.trust import TrustedState, update

MOST_FILES: Final = 64
"""Files of one kind that are looked at in one folder."""
DOUBTFUL: Final = 365 * DAY
"""A clock so far after the last version is asked about: a wrong one would destroy every prekey that is in use."""


class ClockDoubtful(FieldappError):
    """The clock of this computer is a year or more after the last version; nothing was made."""

    advice = "Check the date of this computer."


class NoFilesFound(FieldappError):
    """There is no file of the wanted kind in the folder."""

    advice = "Choose the folder in which the file lies."


class Signing:
    """What is to be signed next at one unlocked desk, and when it must be."""

    def __init__(self, book: DeskBook, published: Callable[[], None]) -> None:
        """`published` is called when there is something new for the relay."""
        self._book = book
        self._published = published
        self._read: tuple[Draft, Proposal | None] | None = None

    # --- How it stands ---------------------------------------------------------------------------------

    @property
    def proposal(self) -> Proposal | None:
        """What waits for signatures, with those that came so far; None when nothing does, or nothing that still fits."""
        draft, trust = self._book.draft, self._book.trust
        if draft is None or draft.base != trust.version:
            return None
        if self._read is None or self._read[0] is not draft:
            self._read = (draft, _proposal(trust, draft))
        return self._read[1]

    @property
    def runs_out(self) -> int:
        """When the directory or its weekly prekeys end, whichever is first, in seconds."""
        directory = self._book.trust.directory
        return min(directory.expires, prekeys_until(directory))

    @property
    def root_expires(self) -> int:
        """When the root ends: new key holders, or the same ones, must be confirmed before."""
        return self._book.trust.root.expires

    @property
    def root(self) -> Root:
        """The root in force: who may sign."""
        return self._book.trust.root

    @property
    def due(self) -> bool:
        """Whether signatures are needed soon: for the keys, or for the root."""
        return self.prekeys_due or self.root_due

    @property
    def prekeys_due(self) -> bool:
        """Whether the keys run out in less than eight weeks."""
        return self._book.clock.now() >= self.runs_out - RENEW_BEFORE

    @property
    def root_due(self) -> bool:
        """Whether the root should be renewed: a year before it ends."""
        return self._book.clock.now() >= self.root_expires - DOUBTFUL

    @property
    def unpublished(self) -> bool:
        """Whether something was decided about a device that neither the directory nor what waits says."""
        directory = self.proposal.directory if self.proposal else self._book.trust.directory
        return unpublished(directory, self._book.rulings)

    # --- What is wished for ----------------------------------------------------------------------------

    async def renew(self, *, date_is_right: bool = False) -> None:
        """Draft the next version: prekeys for the coming 26 weeks, and what was decided about devices.

        ClockDoubtful unless `date_is_right`.
        """
        await self._draft(date_is_right=date_is_right)

    async def replace_prekeys(self, *, date_is_right: bool = False) -> None:
        """Draft one whose prekeys are new from this week on: somebody who could read has left. As `renew`."""
        await self._draft(replaced=True, date_is_right=date_is_right)

    async def propose(self, change: Callable[[Directory], Directory]) -> None:
        """Draft one that is changed in another way (a device revoked, a phone number); DirectoryRejected. As `renew`."""
        await self._draft(change)

    @property
    def wipe_after(self) -> int:
        """At how many wrong passphrases devices erase themselves, with what waits for signatures; 0 for never."""
        proposal = self.proposal
        return (proposal.directory if proposal else self._book.trust.directory).policy.wipe_after

    async def set_wipe_after(self, attempts: int) -> None:
        """Draft one in which devices erase themselves at so many wrong passphrases, 0 for never. As `renew`."""
        await self.propose(lambda d: replace(d, policy=replace(d.policy, wipe_after=attempts)))

    @property
    def pin_models(self) -> tuple[str, ...]:
        """The device models on which a PIN may be used, with what waits for signatures."""
        proposal = self.proposal
        return (proposal.directory if proposal else self._book.trust.directory).policy.pin_models

    async def allow_pin(self, model: str) -> None:
        """Draft one in which devices of this model may use a PIN. As `renew`; DirectoryRejected for what is no name."""
        models = tuple(sorted({*self.pin_models, model_name(model)}))
        await self.propose(lambda d: replace(d, policy=replace(d.policy, pin_models=models)))

    async def forbid_pin(self, model: str) -> None:
        """Draft one in which they may not: a PIN that is in use still opens its device, which asks for a passphrase."""
        models = tuple(known for known in self.pin_models if known != model)
        await self.propose(lambda d: replace(d, policy=replace(d.policy, pin_models=models)))

    async def change_holders(self, cards: Sequence[KeyCard], *, date_is_right: bool = False) -> None:
        """Draft a root with the keys on these cards, one or three, and a directory under it. As `renew`.

        ValueError for another number of cards, or one that comes twice. The holders of now must sign it too.
        """
        root_keys, dir_keys = [card.root_key for card in cards], [card.directory_key for card in cards]
        threshold = threshold_of(len(cards))
        if len(set(root_keys)) != len(cards) or len(set(dir_keys)) != len(cards):
            raise ValueError("a card twice")
        root = self.root.next(
            threshold=threshold,
            root_keys=root_keys,
            dir_threshold=threshold,
            dir_keys=dir_keys,
            expires=self._book.clock.now() + ROOT_SECONDS,
        )
        await self._draft(root=root, date_is_right=date_is_right)

    async def discard(self) -> None:
        """Drop what waits for signatures. Prekeys made for it stay in the vault and are used by the next draft."""
        async with self._book.turn:
            if (draft := self._book.draft) is not None:
                await self._book.write([], [draft])

    # --- Signatures ------------------------------------------------------------------------------------

    async def write_request(self, folder: Path) -> Path:
        """Write the request file for key holders who are not here; KeyFolderUnusable."""
        proposal = self._waiting()
        data = proposal.request(self._book.identity.signing)
        name = f"{proposal.present.centre_id.hex()[:8]}-{proposal.directory.v}{custody.REQUEST_SUFFIX}"
        return await self._book.worker.run(custody.write_file, folder, name, data)

    async def read_signatures(self, folder: Path) -> int:
        """Take in every signature file of a folder; returns how many were for what waits.

        NoFilesFound, KeyFolderUnusable. DirectoryRejected when none of the files is good: nothing was taken then.
        """
        files = await self._book.worker.run(_read_files, folder, custody.SIGNATURES_SUFFIX)
        async with self._book.turn:
            proposal, taken, refused = self._waiting(), 0, DirectoryRejected("container")
            for data in files:
                try:
                    proposal = proposal.with_signatures(data)
                    taken += 1
                except DirectoryRejected as error:
                    refused = error
            if not taken:
                raise refused
            await self._book.write([Draft.of(proposal)])
        return taken

    async def sign_here(self, folder: Path, words: str) -> Signatures:
        """Let a key holder sign at this computer; the key vault is open only for that. Errors as `custody.sign`."""
        async with self._book.turn:
            proposal = self._waiting()
            signatures = await self._book.worker.run(custody.sign, folder, words, proposal, self._book.clock)
            await self._book.write([Draft.of(proposal.with_signatures(signatures.data))])
        return signatures

    async def publish(self) -> None:
        """Put the next version in force here, and let the relay have it; DirectoryRejected(threshold) before its time."""
        async with self._book.turn:
            proposal = self._waiting()
            newer = update(proposal.present, proposal.blob())
            await self._book.write([Published(newer)], [Draft.of(proposal)])
        self._published()

    # --- Inside ----------------------------------------------------------------------------------------

    def _waiting(self) -> Proposal:
        if (proposal := self.proposal) is None:
            raise NoFilesFound("Nothing waits for signatures.")
        return proposal

    async def _draft(
        self,
        change: Callable[[Directory], Directory] = lambda directory: directory,
        *,
        root: Root | None = None,
        replaced: bool = False,
        date_is_right: bool = False,
    ) -> None:
        async with self._book.turn:
            trust, waiting, now = self._book.trust, self.proposal, self._book.clock.now()
            if now >= trust.directory.issued + DOUBTFUL and not date_is_right:
                raise ClockDoubtful("The date is doubtful.")
            at = max(now, trust.directory.issued)
            root = root or (waiting.root if waiting else None)
            rings = {
                k.role_id: (k.ring.replaced(at) if replaced else k.ring.renewed(at))
                for k in self._book.role_keys
            }
            base = with_rulings(waiting.directory if waiting else trust.directory, self._book.rulings)
            following = replace(
                base,
                v=trust.version + 1,
                prev_hash=trust.dir_hash,
                root_v=(root or trust.root).v,
                issued=at,
                expires=at + DIRECTORY_SECONDS,
                roles=_with_prekeys(base, rings, at),
            )
            draft = Draft.of(Proposal.of(trust, change(following), root))
            await self._book.write([draft, *(RoleKeys(role_id, ring) for role_id, ring in rings.items())])


def _proposal(trust: TrustedState, draft: Draft) -> Proposal | None:
    try:
        return Proposal.from_documents(trust, draft.signed)
    except DirectoryRejected:
        return None


def read_cards(folder: Path) -> tuple[KeyCard, ...]:
    """Read every key card in a folder or in the folders in it; NoFilesFound, KeyFolderUnusable, DirectoryRejected."""
    try:
        folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())][:MOST_FILES]
    except OSError:
        raise KeyFolderUnusable("cannot be read") from None
    found: list[bytes] = []
    for place in folders:
        try:
            found += _read_files(place, custody.CARD_SUFFIX)
        except NoFilesFound:
            continue
    if not found:
        raise NoFilesFound("There is no key card here.")
    return tuple(read_card(data) for data in found)


def _read_files(folder: Path, suffix: str) -> list[bytes]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == suffix and path.is_file())
        if not paths:
            raise NoFilesFound("There is no such file here.")
        return [_read(path) for path in paths[:MOST_FILES]]
    except OSError:
        raise KeyFolderUnusable("cannot be read") from None


def _read(path: Path) -> bytes:
    """Read a file; one that is too long is cut, and then refused by its reader."""
    with path.open("rb") as file:
        return file.read(MAX_BODY + 1)


def _with_prekeys(directory: Directory, rings: dict[str, PrekeyRing], at: int) -> dict[str, Role]:
    roles = dict(directory.roles)
    for role_id, ring in rings.items():
        prekeys, last_resort = ring.published(at)
        roles[role_id] = replace(roles[role_id], prekeys=prekeys, last_resort=last_resort)
    return roles

"""Enrolment on the device: type or scan a code, compare digits with the clerk, become a member.

    digits = await enrolling.begin(text, host)      # posts the hello; both screens show the same digits
    while not await enrolling.finish(): ...         # until the clerk has confirmed; then records made before are sealed

Nothing of an enrolment is on the disk before it is complete: an interrupted one is simply begun again with a new code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fieldapp.services.filing import Book
from fieldapp.services.membership import Membership, Standing
from sync import enrolment
from sync.certificate import Certificate, verify_certificate
from sync.client import RelayClient
from sync.code import EnrolmentCode
from sync.directory import Relay
from sync.enrolment import Answer, Hello
from sync.errors import DirectoryRejected, EnrolmentFailed
from sync.keys import DevicePrekeys, believable
from sync.primitives import SigningKey, same
from sync.protocol import ENROLMENT_LIFETIME, QUARTER, SenderKind
from sync.trust import TrustedState


@dataclass(frozen=True, slots=True)
class _Attempt:
    code: EnrolmentCode
    client: RelayClient
    signing: SigningKey
    prekeys: DevicePrekeys
    hello: Hello
    digits: tuple[str, ...]
    began: int


class Enrolling:
    """Enrolment of one unlocked device."""

    def __init__(self, book: Book, relays: Callable[[Relay], RelayClient]) -> None:
        self._book = book
        self._relays = relays
        self._attempt: _Attempt | None = None

    @property
    def standing(self) -> Standing:
        """How the device stands; PENDING while digits are shown."""
        standing = self._book.standing
        return Standing.PENDING if self._attempt and standing.may_enrol else standing

    @property
    def digits(self) -> tuple[str, ...]:
        """The 8 groups of 5 digits to compare, or none while nothing is pending."""
        return self._attempt.digits if self._attempt else ()

    async def begin(self, text: str, host: str = "") -> tuple[str, ...]:
        """Read a typed code (with the relay's host) or a QR text, and post the hello; returns the digits.

        EnrolmentFailed (a typing error, no relay, a used code), RelayUnreachable, RelayRefused.
        """
        if not self._book.standing.may_enrol:
            raise EnrolmentFailed("already_enrolled")
        await self.cancel()
        code = EnrolmentCode.parse(text, host)
        if not code.relay:
            raise EnrolmentFailed("relay")
        now = self._book.clock.now()
        signing, prekeys = SigningKey.generate(), DevicePrekeys.generate(now)
        hello = Hello.make(signing.public, prekeys.current)
        meeting = enrolment.enrol_id(code)
        client = self._relays(Relay(code.relay))  # the pin comes with the directory
        try:
            await client.put_enrolment(meeting, "up", enrolment.seal_hello(code, hello))
        except BaseException:
            await client.aclose()
            raise
        digits = enrolment.digits(code.centre_id, meeting, hello.sign_pk, hello.first_prekey)
        self._attempt = _Attempt(code, client, signing, prekeys, hello, digits, now)
        return digits

    async def finish(self) -> bool:
        """Look once whether the clerk has confirmed; True when this device is enrolled and that is on the disk.

        EnrolmentFailed(expired) after 15 minutes; EnrolmentFailed or DirectoryRejected when the answer is not good.
        """
        if not self._book.standing.may_enrol:
            await (
                self.cancel()
            )  # another look was quicker, or nobody waited any more for the one that succeeded
            return True
        attempt = self._attempt
        if attempt is None:
            return False
        message = await attempt.client.get_enrolment(enrolment.enrol_id(attempt.code), "down")
        if message is None:
            if self._book.clock.now() - attempt.began > ENROLMENT_LIFETIME:
                await self.cancel()
                raise EnrolmentFailed("expired")
            return False
        answer = enrolment.open_answer(attempt.code, attempt.hello, message)
        trust = await self._trusted(attempt, answer)
        certificate = verify_certificate(answer.certificate, trust.centre_id, trust.directory.enrol_keys)
        _check_certificate(certificate, attempt)
        membership = Membership(
            device_id=certificate.device_id,
            signing=attempt.signing,
            prekeys=attempt.prekeys,
            certificate=answer.certificate,
            box=answer.box,
            shard=answer.shard,
            cursor="",
            centre_time=believable(answer.centre_time, self._book.clock.now(), trust.directory.issued),
            read_tokens={token.quarter: token.token for token in answer.read_tokens},
        )
        await self._book.join(membership, trust, answer.drop_tokens)
        await self.cancel()
        return True

    async def cancel(self) -> None:
        """Give up what is pending; nothing was kept of it."""
        attempt, self._attempt = self._attempt, None
        if attempt:
            await attempt.client.aclose()

    async def _trusted(self, attempt: _Attempt, answer: Answer) -> TrustedState:
        """Fetch the directory and pin it to the centre of the code; it must be the one that the centre named."""
        tokens = {token.quarter: token.token for token in answer.read_tokens}
        token = tokens.get(self._book.clock.now() // QUARTER) or next(iter(tokens.values()), None)
        if token is None:
            raise EnrolmentFailed("document")
        trust = TrustedState.pin(attempt.code.centre_id, await attempt.client.directory(token))
        named = trust.version == answer.dir_version and same(trust.dir_hash, answer.dir_hash)
        if not named and trust.version <= answer.dir_version:
            raise DirectoryRejected("split_view")
        return trust


def _check_certificate(certificate: Certificate, attempt: _Attempt) -> None:
    mine = (
        certificate.kind is SenderKind.DEVICE
        and same(certificate.sign_pk, attempt.hello.sign_pk)
        and same(certificate.first_prekey, attempt.hello.first_prekey)
    )
    if not mine:
        raise EnrolmentFailed("not_for_this_device")

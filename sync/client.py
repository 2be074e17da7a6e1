"""The HTTP client of the relay, for devices (`RelayClient`) and for desks (`CentreClient`).

Every installation looks the same on the wire: one fixed header set, no cookies, no redirects, no proxy or certificate
settings from the environment, the pinned key (`sync.transport`), nothing in a log. Every call either returns what the
relay provably said, or raises `RelayUnreachable` (no answer) or `RelayRefused` with one reason of `sync.answers.Refusal`.
After 429 or 503 with a Retry-After nothing is sent for that time, at most MAX_RETRY_AFTER: every call then says `busy` by
itself.
"""

import asyncio
import base64
import http.cookiejar
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard

import httpx

from sync import canonical
from sync.address import relay_address
from sync.answers import Answer, Page, Refusal, hex_field, parse_page
from sync.directory import Relay
from sync.errors import RelayRefused, RelayUnreachable
from sync.primitives import SigningKey, blake
from sync.protocol import (
    CENTRE_SCHEME,
    DROP_SCHEME,
    ENROLMENT_SIZE,
    ITEM_ID_SIZE,
    MAX_PAGE,
    NONCE_LENGTH,
    NONCE_LIFETIME,
    QUARTER,
    READ_SCHEME,
    REPLAY_NONCE,
    TAG_REQUEST,
    USER_AGENT,
)
from sync.transport import is_impostor, network

Direction = Literal["up", "down"]
"""Enrolment mailboxes: `up` from the device to the centre, `down` back."""

_HEADERS: Final = {
    "User-Agent": USER_AGENT,
    "Accept-Encoding": "identity",
}
"""Every byte costs time on a bad link: what HTTP/1.1 takes for granted anyway is not said."""
_UNSAID: Final = ("Accept", "Connection")
_LARGEST_ANSWER: Final = 5 * 1024 * 1024
"""Above a full page (4 MiB of envelopes and their heads): whatever is longer is not the relay's answer."""
_TIMEOUT: Final = 30.0
_NONCE_KEPT: Final = NONCE_LIFETIME - 15.0
"""Seconds from the request whose answer brought a nonce: some are left for the next one to arrive."""
_ANSWERS_IN: Final = 4
"""A whole call may take this many times the timeout of one step, so that a dripping server holds nothing up."""

for _name in ("httpx", "httpcore"):
    # Both log addresses and headers; a line of theirs would say which box, when and with which token.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def token_hash(token: bytes) -> bytes:
    """H("fs token", token): the only form in which the relay knows a drop or read token."""
    return blake(b"fs token", token)


def quarter_of(now: float) -> int:
    """Whole quarters of 13 weeks since 1970-01-01 at `now` (seconds): the period of a read token."""
    return int(now // QUARTER)


class RelayClient:
    """What a device calls. One instance may serve many calls at a time; `aclose` it at the end."""

    def __init__(
        self,
        relay: Relay | str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = _TIMEOUT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Talk to `relay`, by the pin of a directory or, as text, by its address alone.

        ValueError unless the address is https, or http on this machine itself, and the pin is well formed.

        `transport` replaces the network (tests, the demo). `timeout` is in seconds for each step of a call.
        `monotonic` counts the seconds of a Retry-After.
        """
        relay = Relay(relay) if isinstance(relay, str) else relay
        self._base = relay_address(relay.url)
        self._deadline = timeout * _ANSWERS_IN
        self._monotonic = monotonic
        self._quiet_until = self._full_until = 0.0
        self._http = httpx.AsyncClient(
            base_url=self._base,
            headers=_HEADERS,
            # A cookie would let the relay recognise an installation; this jar takes none.
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            transport=transport or network(relay.pin),
        )
        for name in _UNSAID:
            del self._http.headers[name]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def ask_again(self) -> None:
        """Forget a Retry-After: a person wants to send now."""
        self._quiet_until = self._full_until = 0.0

    async def healthy(self) -> bool:
        """Tell whether the relay, and not something else, answers at this address."""
        try:
            return (await self._call("GET", "/v1/health")).json() == {"status": "ok"}
        except (RelayRefused, RelayUnreachable):
            return False

    async def drop(self, box: str, token: bytes, envelope: bytes) -> None:
        """Store `envelope` in `box` (hex). Returning means durably stored; identical bytes may be offered again.

        When the relay has no room for the centre, no other envelope is carried there in vain for as long as it says.
        """
        full = math.ceil(self._full_until - self._monotonic())
        if full > 0:
            raise RelayRefused(Refusal.FULL, full)
        answer = await self._call(
            "POST", f"/v1/drop/{box}", envelope, {"Authorization": f"{DROP_SCHEME} {_b64(token)}"}
        )
        try:
            hex_field(answer.json(), "id", ITEM_ID_SIZE)
        except RelayRefused as error:
            if error.reason == Refusal.FULL:
                self._full_until = self._monotonic() + error.retry_after
            raise

    async def shard(self, shard: int, after: str, read_token: bytes) -> Page:
        """Return what stands in the device shard 0 to 15 behind the cursor `after` ("" = from the start)."""
        query = f"?after={after}" if after else ""
        return parse_page((await self._read(f"/v1/shard/{shard}{query}", read_token)).binary())

    async def directory(self, read_token: bytes, version: int | Literal["latest"] = "latest") -> bytes:
        """Return a directory as it was published: to be checked by `sync.trust`, never believed."""
        return (await self._read(f"/v1/dir/{version}", read_token)).binary()

    async def put_enrolment(self, enrol_id: bytes, direction: Direction, blob: bytes) -> None:
        """Put one sealed enrolment message (16,384 bytes) into an open mailbox."""
        answer = await self._call("POST", f"/v1/enrol/{enrol_id.hex()}/{direction}", blob)
        if answer.json() != {"stored": True}:
            raise RelayRefused(Refusal.ANSWER)

    async def get_enrolment(self, enrol_id: bytes, direction: Direction) -> bytes | None:
        """Return a sealed enrolment message; None as long as none is there (or the code has expired)."""
        try:
            blob = (await self._call("GET", f"/v1/enrol/{enrol_id.hex()}/{direction}")).binary()
        except RelayRefused as error:
            if error.reason == Refusal.NOT_FOUND:
                return None
            raise
        if len(blob) != ENROLMENT_SIZE:
            raise RelayRefused(Refusal.ANSWER)
        return blob

    async def _read(self, target: str, read_token: bytes) -> Answer:
        return await self._call("GET", target, b"", {"Authorization": f"{READ_SCHEME} {_b64(read_token)}"})

    async def _call(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        quiet = math.ceil(self._quiet_until - self._monotonic())
        if quiet > 0:
            raise RelayRefused(Refusal.BUSY, quiet)
        request = self._http.build_request(method, target, content=body or None, headers=headers)
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._exchange(request)
        except (TimeoutError, httpx.HTTPError) as error:
            # `from None`: the cause holds the request, and with it the token.
            if is_impostor(error):
                raise RelayRefused(Refusal.IMPOSTOR) from None
            raise RelayUnreachable("no answer") from None
        if answer.is_busy:
            self._quiet_until = self._monotonic() + answer.wait
        return answer

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self._http.send(request, stream=True)
        try:
            if "content-encoding" in response.headers:  # we ask for none: this is another server
                raise RelayRefused(Refusal.CAPTIVE_PORTAL)
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LARGEST_ANSWER:
                    raise RelayRefused(Refusal.ANSWER)
        except httpx.RemoteProtocolError:
            raise RelayRefused(Refusal.ANSWER) from None
        finally:
            await response.aclose()
        return Answer(
            response.status_code,
            response.headers.get("content-type", ""),
            bytes(body),
            response.headers.get("retry-after", ""),
            response.headers.get(REPLAY_NONCE, ""),
        )


@dataclass(frozen=True, slots=True)
class DeskAccess:
    """One line of the desk list at the relay: whose key, whether it may change list and directory, which boxes."""

    key: bytes
    is_centre: bool
    boxes: tuple[str, ...]


class CentreClient(RelayClient):
    """What a desk calls: each request signed with its key over a nonce of the relay.

    The answer to one brings the nonce for the next, so only the first of some requests has to ask for one.
    """

    def __init__(
        self,
        relay: Relay | str,
        key: SigningKey,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = _TIMEOUT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Talk to `relay` as the holder of `key`; see `RelayClient`."""
        super().__init__(relay, transport=transport, timeout=timeout, monotonic=monotonic)
        self._key = key
        self._kept: tuple[str, float] | None = None
        self._host: str = self._http.build_request("GET", "/").headers["host"].lower()

    async def box(self, box: str, after: str = "", limit: int = MAX_PAGE) -> Page:
        """Return up to `limit` items of `box` behind the cursor `after` ("" = from the start)."""
        query = f"?after={after}&limit={limit}" if after else f"?limit={limit}"
        return parse_page((await self._signed("GET", f"/v1/box/{box}{query}")).binary())

    async def item(self, item_id: str) -> bytes:
        """Return one envelope that the relay still has."""
        return (await self._signed("GET", f"/v1/item/{item_id}")).binary()

    async def commit(self, box: str, cursor: str) -> None:
        """Tell the relay that everything up to `cursor` is committed here: it may delete it after this."""
        answer = (await self._signed("POST", f"/v1/box/{box}/cursor", _json({"cursor": cursor}))).json()
        if hex_field(answer, "cursor", ITEM_ID_SIZE) != cursor:
            raise RelayRefused(Refusal.ANSWER)

    async def post(self, shard: int, envelope: bytes) -> str:
        """Put a downstream envelope into the device shard 0 to 15; return the relay's id for it (hex)."""
        answer = await self._signed("POST", f"/v1/shard/{shard}", envelope)
        return hex_field(answer.json(), "id", ITEM_ID_SIZE)

    async def change_tokens(
        self,
        *,
        drop: Sequence[bytes] = (),
        read: Mapping[bytes, int] | None = None,
        withdraw: Sequence[bytes] = (),
    ) -> None:
        """Register hashes of drop tokens and of read tokens (hash -> quarter), withdraw unused drop tokens.

        Known hashes stay as they are, so the call may be repeated. At most MAX_TOKEN_BATCH hashes of all kinds together.
        """
        entries: list[canonical.Value] = [
            {"hash": hashed.hex(), "quarter": quarter} for hashed, quarter in (read or {}).items()
        ]
        body = _json({"drop": _hex(drop), "read": entries, "withdraw": _hex(withdraw)})
        self._expect(await self._signed("POST", "/v1/tokens", body), "new", None)

    async def put_desks(self, desks: Sequence[DeskAccess]) -> None:
        """Replace the whole list of desks; it must hold the signer as centre."""
        entries: list[canonical.Value] = [
            {"key": desk.key.hex(), "role": "centre" if desk.is_centre else "desk", "boxes": list(desk.boxes)}
            for desk in desks
        ]
        self._expect(await self._signed("PUT", "/v1/desks", _json({"desks": entries})), "desks", len(desks))

    async def put_directory(self, version: int, data: bytes) -> None:
        """Publish directory `version`; identical bytes may be put again."""
        self._expect(await self._signed("PUT", f"/v1/dir/{version}", data), "version", version)

    async def published_directory(self, version: int | Literal["latest"] = "latest") -> bytes:
        """Return a directory as the relay hands it to devices."""
        return (await self._signed("GET", f"/v1/dir/{version}")).binary()

    async def open_enrolment(self, enrol_id: bytes) -> None:
        """Open both mailboxes of an enrolment for 15 minutes; a repeat prolongs nothing."""
        answer = await self._signed("POST", f"/v1/enrol/{enrol_id.hex()}/open")
        if answer.json() != {"open": True}:
            raise RelayRefused(Refusal.ANSWER)

    async def _signed(self, method: str, target: str, body: bytes = b"") -> Answer:
        """Send a signed request; once more with a new nonce if the first was refused (it may have run out)."""
        answer = await self._send_signed(method, target, body, self._take_kept() or await self._new_nonce())
        if answer.status == 401:
            answer = await self._send_signed(method, target, body, await self._new_nonce())
        return answer

    def _take_kept(self) -> str | None:
        """Return the nonce that the last answer brought, once, and not when it will soon be too old."""
        kept, self._kept = self._kept, None
        return kept[0] if kept and self._monotonic() - kept[1] < _NONCE_KEPT else None

    async def _new_nonce(self) -> str:
        nonce = (await self._call("POST", "/v1/nonce")).json().get("nonce")
        if not _is_nonce(nonce):
            raise RelayRefused(Refusal.ANSWER)
        return nonce

    async def _send_signed(self, method: str, target: str, body: bytes, nonce: str) -> Answer:
        lines = (method, self._host, target, blake(b"fs body", body).hex(), nonce)
        signature = self._key.sign(TAG_REQUEST, "\n".join(lines).encode())
        credentials = f"{CENTRE_SCHEME} {self._key.public.hex()}.{nonce}.{_b64(signature)}"
        asked = self._monotonic()
        answer = await self._call(method, target, body, {"Authorization": credentials})
        if _is_nonce(answer.next_nonce):
            self._kept = (answer.next_nonce, asked)
        return answer

    @staticmethod
    def _expect(answer: Answer, name: str, value: int | None) -> None:
        """Refuse a success without the number `name` (and, if given, with another `value`)."""
        number = answer.json().get(name)
        if type(number) is not int or (value is not None and number != value):
            raise RelayRefused(Refusal.ANSWER)


def _is_nonce(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) == NONCE_LENGTH and value.isascii()


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _hex(values: Iterable[bytes]) -> list[canonical.Value]:
    return [value.hex() for value in values]


def _json(value: dict[str, Any]) -> bytes:
    return canonical.dumps(value)

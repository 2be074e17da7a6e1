"""TLS as a device and a desk use it, against a real server on this machine with certificates made here."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.answers import Refusal
from sync.client import CentreClient, RelayClient
from sync.directory import Relay
from sync.errors import RelayRefused, RelayUnreachable
from sync.primitives import SigningKey
from sync.spki import key_pin
from sync.transport import tls_context
from tests.relay.harness import envelope, run

HOST = "relay.example"
BOX = "00" * 16
TOKEN = b"\xa5" * 32
STORED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n"
    b'{"id":"' + b"ab" * 16 + b'"}'
)
LATER = datetime.datetime(2035, 1, 1, tzinfo=datetime.UTC)
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def pin_of(certificate: x509.Certificate) -> str:
    """The pin as an independent implementation finds it."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(info).hexdigest()


@dataclass
class Place:
    """A made-up authority that every client here believes, besides another one, and what it issues."""

    authority: trustme.CA = field(default_factory=trustme.CA)
    other: trustme.CA = field(default_factory=trustme.CA)

    def issue(self, key: ec.EllipticCurvePrivateKey, **changes: Any) -> tuple[ssl.SSLContext, str]:
        """Return a server's TLS with a new certificate for `key`, and the pin of the key."""
        issuer = changes.get("issuer", self.authority)
        signer = serialization.load_pem_private_key(issuer.private_key_pem.bytes(), None)
        parent = x509.load_pem_x509_certificate(issuer.cert_pem.bytes())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(parent.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(changes.get("until", LATER))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(changes.get("name", HOST))]), critical=True
            )
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)
        with trustme.Blob(pem).tempfile() as path:
            context.load_cert_chain(path)
        return context, pin_of(certificate)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The client's bundle holds exactly two made-up authorities, and every name leads to this machine."""
    made = Place()
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(made.authority.cert_pem.bytes() + made.other.cert_pem.bytes())
    resolve = socket.getaddrinfo

    def here(host: object, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1", *args, **options)

    monkeypatch.setattr("sync.transport.certifi.where", lambda: str(bundle))
    monkeypatch.setattr(socket, "getaddrinfo", here)
    return made


@dataclass
class Server:
    """What one listening server saw of requests, decrypted."""

    port: int = 0
    seen: bytes = b""

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None, answer: bytes = STORED) -> AsyncIterator[Server]:
    server = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            server.seen += head
            if head.startswith(b"POST"):
                await reader.readexactly(4096)
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


async def drop(client: RelayClient) -> str:
    """Drop once; return "" or why not."""
    try:
        await client.drop(BOX, TOKEN, envelope())
    except RelayRefused as error:
        return error.reason
    except RelayUnreachable:
        return "unreachable"
    finally:
        await client.aclose()
    return ""


def device(server: Server, pin: str = "") -> RelayClient:
    return RelayClient(Relay(server.url, pin), timeout=20)


def desk(server: Server, pin: str = "") -> RelayClient:
    return CentreClient(Relay(server.url, pin), SigningKey.generate(), timeout=20)


@pytest.mark.parametrize("client", [device, desk])
def test_the_pinned_key_is_accepted_and_any_other_gets_no_byte_of_the_request(
    place: Place, client: Callable[[Server, str], RelayClient]
) -> None:
    async def scenario() -> None:
        tls, pin = place.issue(new_key())
        async with serving(tls) as server:
            assert await drop(client(server, pin)) == ""
            assert b"Authorization: Drop " in server.seen
        # A good certificate of a believed authority for the right name, but another key.
        stranger, _ = place.issue(new_key())
        async with serving(stranger) as server:
            assert await drop(client(server, pin)) == Refusal.IMPOSTOR
            assert server.seen == b""
            assert await drop(client(server, "")) == ""

    run(scenario())


def test_a_renewed_certificate_with_the_same_key_stays_good(place: Place) -> None:
    async def scenario() -> None:
        key = new_key()
        _, pin = place.issue(key)
        renewed, same = place.issue(key, issuer=place.other)
        assert same == pin
        async with serving(renewed) as server:
            assert await drop(device(server, pin)) == ""

    run(scenario())


def test_a_pinned_authority_is_the_only_one_believed(place: Place) -> None:
    async def scenario() -> None:
        pin = pin_of(x509.load_pem_x509_certificate(place.authority.cert_pem.bytes()))
        mine, _ = place.issue(new_key())
        other, _ = place.issue(new_key(), issuer=place.other)
        async with serving(mine) as server:
            assert await drop(device(server, pin)) == ""
        async with serving(other) as server:
            assert await drop(device(server, pin)) == Refusal.IMPOSTOR
            assert await drop(device(server)) == ""
        outdated, _ = place.issue(new_key(), until=LONG_AGO + datetime.timedelta(days=1))
        async with serving(outdated) as server:
            assert await drop(device(server, pin)) == Refusal.IMPOSTOR

    run(scenario())


@pytest.mark.parametrize("fault", ["expired", "another name", "unknown authority"])
def test_a_pin_replaces_none_of_the_ordinary_checks(place: Place, fault: str) -> None:
    async def scenario() -> None:
        changes: dict[str, Any] = {
            "expired": {"until": LONG_AGO + datetime.timedelta(days=1)},
            "another name": {"name": "portal.example"},
            "unknown authority": {"issuer": trustme.CA()},
        }[fault]
        tls, pin = place.issue(new_key(), **changes)
        async with serving(tls) as server:
            for given_pin in (pin, ""):
                assert await drop(device(server, given_pin)) == Refusal.IMPOSTOR
            assert server.seen == b""

    run(scenario())


def test_plain_http_where_tls_is_due_gets_nothing(place: Place) -> None:
    async def scenario() -> None:
        async with serving(
            None, b"HTTP/1.1 301 Moved\r\nLocation: https://portal.example/\r\n\r\n"
        ) as server:
            # It waits for the end of a request head that never comes, and so do we: not for long.
            assert await drop(RelayClient(server.url, timeout=1)) == "unreachable"
            assert server.seen == b""

    run(scenario())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_protocol_is_refused(place: Place) -> None:
    async def scenario() -> None:
        tls, pin = place.issue(new_key())
        tls.set_ciphers("DEFAULT:@SECLEVEL=0")
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
        async with serving(tls) as server:
            assert await drop(device(server, pin)) == "unreachable"

    run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: https://portal.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/drop/"
        + b"11" * 16
        + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html>log in ",
        b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_redirect_or_a_portal_behind_good_tls_is_followed_nowhere(place: Place, answer: bytes) -> None:
    async def scenario() -> None:
        tls, pin = place.issue(new_key())
        async with serving(tls, answer) as server:
            assert await drop(device(server, pin)) == Refusal.CAPTIVE_PORTAL
            assert server.seen.count(b"HTTP/1.1\r\n") == 1

    run(scenario())


def test_what_is_sent_first_is_the_same_for_everyone_and_names_no_version(place: Place) -> None:
    async def scenario() -> None:
        tls, pin = place.issue(new_key())
        async with serving(tls) as server:
            for made in (device(server, pin), desk(server, pin)):
                server.seen = b""
                assert await drop(made) == ""
                names = [line.partition(b":")[0] for line in server.seen.split(b"\r\n")[1:] if line]
                assert names == [
                    b"Host",
                    b"User-Agent",
                    b"Accept-Encoding",
                    b"Authorization",
                    b"Content-Length",
                ]
                assert b"User-Agent: fieldapp/1\r\n" in server.seen

    run(scenario())


@pytest.mark.parametrize("pin", ["ab", "AB" * 32, "zz" * 32, "ab" * 33, " "])
def test_a_malformed_pin_makes_no_client_rather_than_an_unpinned_one(pin: str) -> None:
    with pytest.raises(ValueError, match="pin"):
        RelayClient(Relay("https://relay.example", pin))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_key_is_found_in_every_bundled_certificate_as_others_find_it() -> None:
    authorities = tls_context().get_ca_certs(binary_form=True)
    assert len(authorities) > 50
    for der in authorities:
        assert key_pin(der) == pin_of(x509.load_der_x509_certificate(der))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_certificate_is_a_value_error_or_another_key(data: st.DataObject) -> None:
    whole = bytearray(_CERTIFICATE)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(ValueError):
        assert len(key_pin(cut)) == 64


_CERTIFICATE = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes()).public_bytes(
    serialization.Encoding.DER
)

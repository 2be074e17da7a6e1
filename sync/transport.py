"""TLS to the relay: whom a client believes, and the pin of the relay's key.

A directory may name a pin: the SHA-256 of a SubjectPublicKeyInfo, 64 lower-case hex digits. It adds to the ordinary
judgement (chain to a bundled authority, name, dates), it never replaces it, and it is one of two things:

- the key of one of the bundled authorities: then no other authority is believed;
- otherwise the key in the relay's own certificate, which may be renewed as long as the key stays.

The key is compared inside the handshake, so nothing of a request, and no token, leaves before it is right.
"""

import hmac
import ssl
from typing import Any

import certifi
import httpx

from sync.spki import is_pin, key_pin


def tls_context(pin: str = "") -> ssl.SSLContext:
    """TLS 1.2 or later against the bundled authorities, with the pin of a directory ("" for none) enforced.

    Ignores SSLKEYLOGFILE, SSL_CERT_FILE and SSL_CERT_DIR. ValueError for a pin that is not 64 lower-case hex digits:
    never a connection without the pin that was asked for.
    """
    if pin and not is_pin(pin):
        raise ValueError("the pin of a relay is 64 lower-case hex digits")
    context = _context()
    context.load_verify_locations(cafile=certifi.where())
    if not pin:
        return context
    pinned = [der for der in context.get_ca_certs(binary_form=True) if key_pin(der) == pin]
    if pinned:
        context = _context()
        context.load_verify_locations(cadata=b"".join(pinned))
    else:
        context.sslobject_class = _pinned_object(pin)
    return context


def is_impostor(error: BaseException) -> bool:
    """Tell whether a failed request ended because the other side could not prove to be the relay."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def network(pin: str) -> httpx.AsyncBaseTransport:
    """Return the transport of a client: our TLS, no proxy of the environment, HTTP/1.1; ValueError as `tls_context`."""
    return httpx.AsyncHTTPTransport(verify=tls_context(pin), trust_env=False)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _pinned_object(pin: str) -> type[ssl.SSLObject]:
    """Return the class of a TLS connection whose handshake fails unless the relay's certificate holds the pinned key."""

    class PinnedObject(ssl.SSLObject):
        """`SSLContext.sslobject_class` is the documented place for this; asyncio makes every connection with it."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate: Any = self.getpeercert(binary_form=True)
            if not certificate or not hmac.compare_digest(key_pin(certificate), pin):
                raise ssl.SSLCertVerificationError(1, "the relay's certificate does not hold the pinned key")

    return PinnedObject

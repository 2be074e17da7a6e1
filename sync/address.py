"""The relay's address: one normal form for what a person types, a QR code holds and the directory states."""

from typing import Final
from urllib.parse import urlsplit

import httpx

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def relay_address(text: str) -> str:
    """Turn `host`, `host:port` or an address into `https://host[:port]`; http only on this machine itself.

    ValueError for anything with a path, a user name or no host: records go to a relay, never "somewhere".
    """
    text = text.strip().lower().rstrip("/")
    parts = urlsplit(text if "://" in text else f"//{text}")
    _ = parts.port  # raises ValueError itself when it is not a number below 65,536
    scheme = "http" if parts.hostname in _LOOPBACK else "https"
    rest = parts.path or parts.query or parts.fragment
    if not parts.hostname or rest or "@" in parts.netloc or parts.scheme not in ("", scheme):
        raise ValueError("not the address of a relay")
    if any(character.isspace() or not character.isprintable() for character in parts.netloc):
        raise ValueError("not the address of a relay")
    address = f"{scheme}://{parts.netloc}"
    try:
        _ = httpx.URL(address).host  # or every request would raise what nobody expects: 999.1.1.1, xn--a
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("not the address of a relay") from None
    return address

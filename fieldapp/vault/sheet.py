"""The code on the recovery sheet: 26 characters of Crockford's base 32, all of them random (130 bits), kept on paper.

Its slot is sealed under a device secret of zeros, so that it opens the vault when the keystore is gone as well; nobody
guesses 130 bits, so there is no delay. The slot lies four places after that of the passphrase whose sheet it is: nobody
can tell a used slot from an unused one, so a place that follows from the other is the only one that is certain to hold
nothing but an older sheet of the same passphrase.
"""

from typing import Final

from fieldapp.vault.errors import WrongRecoveryCode
from fieldapp.vault.slots import COUNT
from sync.primitives import KEY_SIZE, random_bytes

CODE_LENGTH: Final = 26
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NO_DEVICE_SECRET: Final = bytes(KEY_SIZE)
_OFFSET: Final = 4
_GROUPS: Final = (5, 5, 5, 5, 6)
_SAME: Final = str.maketrans("OIL", "011", " -\t\r\n\u00a0\u2010\u2011\u2013")


def new_code() -> str:
    """Return a fresh code: 26 characters, without groups."""
    # 256 is a multiple of 32: every character is equally likely.
    return "".join(ALPHABET[byte & 31] for byte in random_bytes(CODE_LENGTH))


def grouped(code: str) -> str:
    """Return a code as it is written down: four groups of five characters and one of six."""
    groups, start = [], 0
    for length in _GROUPS:
        groups.append(code[start : start + length])
        start += length
    return " ".join(groups)


def typed(text: str) -> str:
    """Return what was typed without what does not count: case, spaces, hyphens; O is 0, I and L are 1."""
    return text.upper().translate(_SAME)


def read_code(text: str) -> str:
    """Return the code that was typed; WrongRecoveryCode when it cannot be one, so that nothing else is tried."""
    code = typed(text)
    if not is_code(code):
        raise WrongRecoveryCode("not a code")
    return code


def is_code(text: str) -> bool:
    """Tell whether a text, exactly as it stands, has the form of a code."""
    return len(text) == CODE_LENGTH and set(text) <= set(ALPHABET)


def place_of(passphrase_slot: int) -> int:
    """Return the slot of the sheet that belongs to a passphrase's slot."""
    return (passphrase_slot + _OFFSET) % COUNT

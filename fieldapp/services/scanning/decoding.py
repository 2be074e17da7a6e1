"""From the modules of a QR code to its text: ISO/IEC 18004, as far as an enrolment code needs it.

    text = decode(matrix)      # matrix[y][x] is True for a dark module; None: not one of ours, or too damaged

Read are versions 1 to 10 at the levels M, Q and H, and nothing but the compact alphabet, because that is all the desk
ever shows (`sync.code.EnrolmentCode.qr_text`). Whatever else a code may hold is refused, not guessed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fieldapp.services.scanning.correcting import corrected

Matrix = Sequence[Sequence[bool]]

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
ALPHANUMERIC: Final = 0b0010
TERMINATOR: Final = 0b0000
LARGEST_VERSION: Final = 10
_M, _Q, _H = 0b00, 0b11, 0b10

_BLOCKS: Final = {
    _M: (
        (10, ((1, 16),)), (16, ((1, 28),)), (26, ((1, 44),)), (18, ((2, 32),)), (24, ((2, 43),)),
        (16, ((4, 27),)), (18, ((4, 31),)), (22, ((2, 38), (2, 39))), (22, ((3, 36), (2, 37))), (26, ((4, 43), (1, 44))),
    ),
    _Q: (
        (13, ((1, 13),)), (22, ((1, 22),)), (18, ((2, 17),)), (26, ((2, 24),)), (18, ((2, 15), (2, 16))),
        (24, ((4, 19),)), (18, ((2, 14), (4, 15))), (22, ((4, 18), (2, 19))), (20, ((4, 16), (4, 17))),
        (24, ((6, 19), (2, 20))),
    ),
    _H: (
        (17, ((1, 9),)), (28, ((1, 16),)), (22, ((2, 13),)), (16, ((4, 9),)), (22, ((2, 11), (2, 12))),
        (28, ((4, 15),)), (26, ((4, 13), (1, 14))), (26, ((4, 14), (2, 15))), (24, ((4, 12), (4, 13))),
        (28, ((6, 15), (2, 16))),
    ),
}  # fmt: skip
"""By level and version: check bytes of each block, and how many blocks have how many data bytes (table 9)."""

_ALIGNMENT: Final = (
    (),
    (6, 18),
    (6, 22),
    (6, 26),
    (6, 30),
    (6, 34),
    (6, 22, 38),
    (6, 24, 42),
    (6, 26, 46),
    (6, 28, 50),
)
"""By version: rows and columns of the centres of alignment patterns (annex E)."""

_MASKS: Final[tuple[Callable[[int, int], bool], ...]] = (
    lambda i, j: (i + j) % 2 == 0,
    lambda i, _: i % 2 == 0,
    lambda _, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: i * j % 2 + i * j % 3 == 0,
    lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
)
_FORMAT_MASK: Final = 0b101010000010010
_FORMAT_DISTANCE: Final = 3
"""Wrong bits of the format information that can be put right."""
_FORMAT_PLACES: Final = (
    *((8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)),
    *((y, 8) for y in (7, 5, 4, 3, 2, 1, 0)),
)
"""Row and column of the 15 bits of the first copy, the highest bit first."""


def size_of(version: int) -> int:
    """Return how many modules a side has."""
    return 17 + 4 * version


def decode(matrix: Matrix) -> str | None:
    """Return the text of a code, None when it is damaged beyond repair or not of the kind that is read."""
    version, rest = divmod(len(matrix) - 17, 4)
    if rest or not 1 <= version <= LARGEST_VERSION:
        return None
    for level, mask in _formats(matrix):
        words = _words(matrix, version, mask)
        data = _data(words, *_BLOCKS[level][version - 1]) if level in _BLOCKS else None
        if data is not None:
            return _text(data, version)
    return None


def _formats(matrix: Matrix) -> Iterator[tuple[int, int]]:
    """Yield error level and mask as the two copies of the format information say, the clearer copy first."""
    size = len(matrix)
    second = (*((size - 1 - n, 8) for n in range(7)), *((8, size - 8 + n) for n in range(8)))
    found = []
    for places in (_FORMAT_PLACES, second):
        bits = 0
        for y, x in places:
            bits = bits << 1 | matrix[y][x]
        found.append(min(((bits ^ word).bit_count(), value) for value, word in enumerate(_FORMAT_WORDS)))
    for distance, value in sorted(set(found)):
        if distance <= _FORMAT_DISTANCE:
            yield value >> 3, value & 7


def _format_word(value: int) -> int:
    rest = value << 10
    for shift in range(4, -1, -1):
        if rest >> (shift + 10) & 1:
            rest ^= 0b10100110111 << shift
    return (value << 10 | rest) ^ _FORMAT_MASK


_FORMAT_WORDS: Final = tuple(_format_word(value) for value in range(32))


def _reserved(version: int) -> list[bytearray]:
    """Return 1 for every module that holds no data: the patterns, the format and the version information."""
    size = size_of(version)
    taken = [bytearray(size) for _ in range(size)]

    def mark(top: int, left: int, height: int, width: int) -> None:
        for y in range(top, top + height):
            taken[y][left : left + width] = b"\1" * width

    mark(0, 0, 9, 9)
    mark(0, size - 8, 9, 8)
    mark(size - 8, 0, 8, 9)
    mark(6, 0, 1, size)
    mark(0, 6, size, 1)
    places = _ALIGNMENT[version - 1]
    for y in places:
        for x in places:
            corner = (y, x) in {(6, 6), (6, size - 7), (size - 7, 6)}
            if not corner:
                mark(y - 2, x - 2, 5, 5)
    if version >= 7:
        mark(0, size - 11, 6, 3)
        mark(size - 11, 0, 3, 6)
    return taken


def _words(matrix: Matrix, version: int, mask: int) -> bytes:
    """Return all bytes in the order of the code: two columns at a time, from the right, up and down in turn."""
    size, taken, covered = size_of(version), _reserved(version), _MASKS[mask]
    number = count = 0
    words, upwards = bytearray(), True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for y in range(size - 1, -1, -1) if upwards else range(size):
            for x in (right, right - 1):
                if taken[y][x]:
                    continue
                number, count = number << 1 | (matrix[y][x] ^ covered(y, x)), count + 1
                if count == 8:
                    words.append(number)
                    number = count = 0
        upwards = not upwards
    return bytes(words)


def _data(words: bytes, checks: int, groups: Sequence[tuple[int, int]]) -> bytes | None:
    """Take the interleaved blocks apart, correct each, and return their data; None when one is lost."""
    lengths = [length for count, length in groups for _ in range(count)]
    blocks = [bytearray() for _ in lengths]
    rest = iter(words)
    for n in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if n < length:
                block.append(next(rest))
    for _ in range(checks):
        for block in blocks:
            block.append(next(rest))
    data = bytearray()
    for block in blocks:
        good = corrected(bytes(block), checks)
        if good is None:
            return None
        data += good[:-checks]
    return bytes(data)


def _text(data: bytes, version: int) -> str | None:
    """Return what one alphanumeric segment says; None for anything else."""
    number, left = int.from_bytes(data, "big"), 8 * len(data)

    def take(bits: int) -> int:
        nonlocal left
        left -= bits
        return number >> left & ((1 << bits) - 1) if left >= 0 else -1

    if take(4) != ALPHANUMERIC:
        return None
    length = take(9 if version < 10 else 11)
    text = ""
    while len(text) < length:
        pair = min(2, length - len(text))
        value = take(11 if pair == 2 else 6)
        if not 0 <= value < len(ALPHABET) ** pair:
            return None
        high, low = divmod(value, len(ALPHABET))
        text += ALPHABET[high] + ALPHABET[low] if pair == 2 else ALPHABET[low]
    return text if left < 4 or take(4) == TERMINATOR else None

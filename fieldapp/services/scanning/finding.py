"""From a picture to the modules of the QR code in it: three corner patterns, a fourth point, and a grid in perspective.

    for matrix in matrices(ink): ...      # likeliest first; `decoding` tells which one is a code

`Ink` is the picture in two colours. A corner pattern is dark, light, dark, light, dark in the proportions 1:1:3:1:1,
along the row and along the column; three of them at a right angle, about equally large, are a code. The alignment
pattern near the fourth corner gives the perspective; where it is not found the code is taken for flat.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from fieldapp.services.scanning.decoding import LARGEST_VERSION, Matrix, size_of

Point = tuple[float, float]
"""Column and row, in pixels or in modules."""

_RUNS: Final = re.compile(rb"\x00+|\x01+")
_PROPORTIONS: Final = (1, 1, 3, 1, 1)
_MOST_CORNERS: Final = 7
_MOST_FOUND: Final = 200
_MOST_CROSSINGS: Final = 3000
"""What is looked at of a picture that is made of corner patterns; a code in a busy room has some hundred crossings."""
_SMALLEST_MODULE: Final = 1.5
"""Pixels: what is smaller is the camera's noise in the dark."""
_MOST_TRIPLES: Final = 6
_MATCHING: Final = 20
"""Of 25 modules of an alignment pattern, how many must be as they should."""


@dataclass(frozen=True, slots=True)
class Ink:
    """A picture in two colours: one byte a pixel, 1 where it is dark, row after row."""

    width: int
    height: int
    rows: bytes
    columns: bytes
    """The same, column after column."""

    def dark(self, x: float, y: float) -> bool:
        """Tell whether a place is dark; outside everything is light."""
        column, row = int(x), int(y)
        if not (0 <= column < self.width and 0 <= row < self.height):
            return False
        return self.rows[row * self.width + column] == 1


@dataclass(slots=True)
class Corner:
    """The centre of a corner pattern, the size of a module in pixels, and how many rows crossed it."""

    x: float
    y: float
    module: float
    seen: int = 1


def matrices(ink: Ink) -> Iterator[Matrix]:
    """Yield what may be the modules of a code."""
    for top_left, top_right, bottom_left in _triples(_corners(ink)):
        module = (top_left.module + top_right.module + bottom_left.module) / 3
        across = _distance(top_left, top_right) / (top_left.module + top_right.module) * 2
        down = _distance(top_left, bottom_left) / (top_left.module + bottom_left.module) * 2
        likely = ((across + down) / 2 + 7 - 17) / 4
        nearest = sorted(range(1, LARGEST_VERSION + 1), key=lambda version: abs(version - likely))
        for version in nearest[:3]:
            size = size_of(version)
            for fourth in _fourths(ink, top_left, top_right, bottom_left, size, module):
                yield _sampled(ink, _grid((top_left, top_right, bottom_left), fourth, size), size)


# --- Corner patterns -----------------------------------------------------------------------------------------


def _corners(ink: Ink) -> list[Corner]:
    """Return the corner patterns that most rows crossed."""
    found: list[Corner] = []
    crossings = 0
    # Not from top to bottom, so that what is left out of too much is spread over the picture.
    for y in (y for start in range(0, 16, 2) for y in range(start, ink.height, 16)):
        row = ink.rows[y * ink.width : (y + 1) * ink.width]
        for x, module in _crossings(row):
            if module < _SMALLEST_MODULE:
                continue
            crossings += 1
            if crossings > _MOST_CROSSINGS:
                break
            column = ink.columns[int(x) * ink.height : (int(x) + 1) * ink.height]
            upright = _crossing_at(column, y, module)
            if upright is None:
                continue
            middle = int(upright[0])
            level = _crossing_at(ink.rows[middle * ink.width : (middle + 1) * ink.width], int(x), module)
            if level is not None:
                _gather(found, Corner(level[0], upright[0], (level[1] + upright[1]) / 2))
    return sorted(found, key=lambda corner: -corner.seen)[:_MOST_CORNERS]


def _crossings(line: bytes) -> Iterator[tuple[float, float]]:
    """Yield centre and module of each place along a line that has a corner pattern's proportions."""
    runs = [(match.start(), match.end()) for match in _RUNS.finditer(line)]
    for first in range(len(runs) - 4):
        if line[runs[first][0]]:
            found = _proportioned(runs[first : first + 5])
            if found is not None:
                yield found


def _proportioned(runs: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    module = (runs[4][1] - runs[0][0]) / 7
    for (start, end), times in zip(runs, _PROPORTIONS, strict=True):
        if abs(end - start - times * module) > max(1.2, times * module * 0.55):
            return None
    return (runs[2][0] + runs[2][1]) / 2, module


def _crossing_at(line: bytes, at: int, module: float) -> tuple[float, float] | None:
    """Return the crossing whose middle holds `at` and whose module is about as large."""
    reach = int(module * 6) + 8
    start = max(0, at - reach)
    for centre, size in _crossings(line[start : at + reach]):
        if abs(centre + start - at) <= 2 * module and 0.5 < size / module < 2:
            return centre + start, size
    return None


def _gather(found: list[Corner], new: Corner) -> None:
    for corner in found:
        if abs(corner.x - new.x) < 2 * corner.module and abs(corner.y - new.y) < 2 * corner.module:
            share = 1 / (corner.seen + 1)
            corner.x += (new.x - corner.x) * share
            corner.y += (new.y - corner.y) * share
            corner.module += (new.module - corner.module) * share
            corner.seen += 1
            return
    if len(found) < _MOST_FOUND:
        found.append(new)


def _triples(corners: Sequence[Corner]) -> list[tuple[Corner, Corner, Corner]]:
    """Return top left, top right and bottom left of whatever may be a code, the most regular first."""
    judged: list[tuple[float, tuple[Corner, Corner, Corner]]] = []
    for three in combinations(corners, 3):
        for n in range(3):
            corner, one, other = three[n], three[n - 1], three[n - 2]
            a, b = _distance(corner, one), _distance(corner, other)
            sizes = [each.module for each in three]
            if not a or not b or max(sizes) > 1.8 * min(sizes) or min(a, b) < 10 * corner.module:
                continue
            turn = (one.x - corner.x) * (other.y - corner.y) - (one.y - corner.y) * (other.x - corner.x)
            straight = (one.x - corner.x) * (other.x - corner.x) + (one.y - corner.y) * (other.y - corner.y)
            off = abs(straight) / (a * b) + abs(math.log(a / b)) + math.log(max(sizes) / min(sizes))
            if off < 1.2:
                judged.append((off, (corner, one, other) if turn > 0 else (corner, other, one)))
    judged.sort(key=lambda pair: pair[0])
    return [three for _, three in judged[:_MOST_TRIPLES]]


def _distance(one: Corner, other: Corner) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


# --- The grid ------------------------------------------------------------------------------------------------


def _fourths(
    ink: Ink, top_left: Corner, top_right: Corner, bottom_left: Corner, size: int, module: float
) -> Iterator[tuple[Point, Point]]:
    """Yield where a fourth point lies, in modules and in pixels: the alignment pattern, then the flat guess."""
    span = size - 7
    right = ((top_right.x - top_left.x) / span, (top_right.y - top_left.y) / span)
    down = ((bottom_left.x - top_left.x) / span, (bottom_left.y - top_left.y) / span)
    if size > size_of(1):
        steps = span - 3
        guess = (
            top_left.x + (right[0] + down[0]) * steps,
            top_left.y + (right[1] + down[1]) * steps,
        )
        found = _alignment(ink, guess, right, down, max(4.0, size / 6))
        if found is not None:
            yield (size - 6.5, size - 6.5), found
    yield (
        (size - 3.5, size - 3.5),
        (
            top_left.x + (right[0] + down[0]) * span,
            top_left.y + (right[1] + down[1]) * span,
        ),
    )


def _alignment(ink: Ink, guess: Point, right: Point, down: Point, reach: float) -> Point | None:
    """Look around `guess` for dark, light, dark rings of one module each; the middle of the best places, or None."""
    steps = int(reach * 2)
    best, places = _MATCHING - 1, [guess]
    for j in range(-steps, steps + 1):
        for i in range(-steps, steps + 1):
            x = guess[0] + (right[0] * i + down[0] * j) / 2
            y = guess[1] + (right[1] * i + down[1] * j) / 2
            if not ink.dark(x, y) or ink.dark(x + right[0], y + right[1]):
                continue
            score = _rings(ink, x, y, right, down)
            if score > best:
                best, places = score, []
            if score == best and best >= _MATCHING:
                places.append((x, y))
    if best < _MATCHING:
        return None
    return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)


def _rings(ink: Ink, x: float, y: float, right: Point, down: Point) -> int:
    score = 0
    for v in range(-2, 3):
        for u in range(-2, 3):
            dark = ink.dark(x + right[0] * u + down[0] * v, y + right[1] * u + down[1] * v)
            score += dark is (max(abs(u), abs(v)) != 1)
    return score


def _grid(corners: Sequence[Corner], fourth: tuple[Point, Point], size: int) -> Sequence[float]:
    """Return the eight numbers of the perspective from modules to pixels, from four points of each."""
    top_left, top_right, bottom_left = corners
    pairs = (
        ((3.5, 3.5), (top_left.x, top_left.y)),
        ((size - 3.5, 3.5), (top_right.x, top_right.y)),
        ((3.5, size - 3.5), (bottom_left.x, bottom_left.y)),
        fourth,
    )
    rows = []
    for (u, v), (x, y) in pairs:
        rows.append([u, v, 1, 0, 0, 0, -u * x, -v * x, x])
        rows.append([0, 0, 0, u, v, 1, -u * y, -v * y, y])
    return _solved(rows)


def _solved(rows: list[list[float]]) -> Sequence[float]:
    """Gauss, with the largest pivot; zeros for equations without one solution."""
    count = len(rows)
    for n in range(count):
        pivot = max(range(n, count), key=lambda row: abs(rows[row][n]))
        if abs(rows[pivot][n]) < 1e-9:
            return [0.0] * count
        rows[n], rows[pivot] = rows[pivot], rows[n]
        for other in range(count):
            if other != n:
                factor = rows[other][n] / rows[n][n]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[n], strict=True)]
    return [rows[n][count] / rows[n][n] for n in range(count)]


_INSIDE: Final = ((0.0, 0.0), (0.22, 0.0), (-0.22, 0.0), (0.0, 0.22), (0.0, -0.22))
"""Five places of a module; most of them decide."""


def _sampled(ink: Ink, grid: Sequence[float], size: int) -> Matrix:
    a, b, c, d, e, f, g, h = grid
    matrix = []
    for row in range(size):
        line = []
        for column in range(size):
            dark = 0
            for right, down in _INSIDE:
                u, v = column + 0.5 + right, row + 0.5 + down
                below = g * u + h * v + 1
                if below > 0:
                    dark += ink.dark((a * u + b * v + c) / below, (d * u + e * v + f) / below)
            line.append(dark > len(_INSIDE) // 2)
        matrix.append(line)
    return matrix

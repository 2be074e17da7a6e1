"""Contrast and sizes of both themes. Thresholds: WCAG 2.2, 1.4.3 (text 4.5:1) and 1.4.11 (shapes 3:1)."""

import pytest

from fieldapp.kit.theme import DARK, DIM, LIGHT, Palette, Tone, Width, theme_for

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK, DIM], ids=["light", "dark", "dim"])


def luminance(color: str) -> float:
    """Return the relative luminance of ``#RRGGBB`` (WCAG 2.2, definition)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio, from 1 to 21."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def tones(palette: Palette) -> list[Tone]:
    return [palette.accent, palette.high, palette.serious, palette.concern]


def test_the_ratio_is_the_one_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@PALETTES
def test_text_can_be_read_on_every_ground(palette: Palette) -> None:
    pairs = [
        (words, ground)
        for ground in (palette.paper, palette.card)
        for words in (palette.ink, palette.muted, *(tone.ink for tone in tones(palette)))
    ]
    pairs.append((palette.on_ink, palette.ink))
    for tone in tones(palette):
        pairs += [(tone.ink, tone.soft), (palette.ink, tone.soft), (tone.on_solid, tone.solid)]
    too_weak = [(words, ground) for words, ground in pairs if contrast(words, ground) < 4.5]
    # The solid amber carries large text only (20 px bold and more), for which 3:1 is enough.
    large_only = (palette.serious.on_solid, palette.serious.solid)
    assert [pair for pair in too_weak if pair != large_only] == []
    assert contrast(*large_only) >= 3


@PALETTES
def test_shapes_and_edges_can_be_seen(palette: Palette) -> None:
    for ground in (palette.paper, palette.card):
        assert contrast(palette.edge, ground) >= 3
        assert contrast(palette.accent.solid, ground) >= 3
        assert contrast(palette.ink, ground) >= 3
        for tone in tones(palette):
            assert contrast(tone.solid, ground) >= 3


@PALETTES
def test_nothing_that_is_pressed_is_smaller_than_48_pixels(palette: Palette) -> None:
    theme = theme_for(palette)
    assert min(theme.target, theme.button, theme.answer) >= 48
    assert theme.answer == 76
    assert (theme.question, theme.action, theme.text, theme.quiet) == (30, 20, 16, 15)


def test_text_grows_up_to_200_percent_and_no_further() -> None:
    assert theme_for(LIGHT, 2.0).text == 32
    assert theme_for(LIGHT, 9.0).text == 32
    assert theme_for(LIGHT, 0.1).text == 16
    assert theme_for(LIGHT, 2.0).stacked
    assert not theme_for(LIGHT, 1.2).stacked


def test_the_doorstep_has_no_large_letters_and_gives_off_less_light() -> None:
    quiet = theme_for(DIM, quiet=True)
    assert max(quiet.question, quiet.title, quiet.action) <= quiet.text + 1
    assert theme_for(DIM, 2.0, quiet=True).text == 32, "who needs large text keeps it"
    for role in ("ink", "muted", "paper", "card"):
        assert luminance(getattr(DIM, role)) < luminance(getattr(DARK, role))
    for dim, dark in zip(tones(DIM), tones(DARK), strict=True):
        assert luminance(dim.solid) < luminance(dark.solid)


@pytest.mark.parametrize(
    ("pixels", "width"), [(412, "phone"), (599, "phone"), (600, "tablet"), (839, "tablet"), (840, "desktop")]
)
def test_width_classes(pixels: int, width: str) -> None:
    assert Width.of(pixels) is Width(width)

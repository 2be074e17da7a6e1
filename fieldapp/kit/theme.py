"""Design tokens: every colour, size and distance the interface uses.

Nothing outside this module holds a colour or a size literal. A screen asks its `Theme` (``ui.theme``) for
a role, such as ``muted`` or ``gap``, so that light, dark and a text scale of 200 % need no code in screens.
Contrast is held by ``tests/test_look.py``: at least 4.5:1 for text, 3:1 for shapes and edges of controls
(WCAG 2.2, success criteria 1.4.3 and 1.4.11).
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import flet as ft

SMALLEST_SCALE: Final = 1.0
LARGEST_SCALE: Final = 2.0
ROOMY: Final = 1120
"""Width in logical pixels from which a list, what is chosen in it, and the navigation stand side by side."""
STACKING_SCALE: Final = 1.4
"""Text scale from which things that stand side by side on a phone stand below each other."""


class ThemeChoice(Enum):
    """What the user chose in the settings; `SYSTEM` follows the device."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Width(Enum):
    """Width class of the window, by Material's break points (600 and 840 logical pixels)."""

    PHONE = "phone"
    TABLET = "tablet"
    DESKTOP = "desktop"

    @classmethod
    def of(cls, pixels: float) -> "Width":
        """Return the class of a window that is `pixels` (logical) wide."""
        if pixels < 600:
            return cls.PHONE
        return cls.TABLET if pixels < 840 else cls.DESKTOP


@dataclass(frozen=True, slots=True)
class Tone:
    """One meaning in four roles, all ``#RRGGBB``.

    `solid` fills or draws a shape, `on_solid` is text on it, `soft` is a quiet background, `ink` is text in
    this tone on `soft`, paper or card.
    """

    solid: str
    on_solid: str
    soft: str
    ink: str


@dataclass(frozen=True, slots=True)
class Palette:
    """All colours of one theme, by role."""

    dark: bool
    paper: str
    card: str
    line: str
    edge: str
    """Edge of a control that has no other mark (a field, an empty chip); 3:1 on paper and card."""
    ink: str
    on_ink: str
    muted: str
    accent: Tone
    high: Tone
    serious: Tone
    concern: Tone
    focus: str


LIGHT: Final = Palette(
    dark=False,
    paper="#F6F4EF",
    card="#FFFFFF",
    line="#E3DED3",
    edge="#857F73",
    ink="#1B2430",
    on_ink="#FFFFFF",
    muted="#5B6776",
    accent=Tone(solid="#1F6F6B", on_solid="#FFFFFF", soft="#DCEBE9", ink="#185A57"),
    high=Tone(solid="#A4492F", on_solid="#FFFFFF", soft="#F3DDD4", ink="#8C3A22"),
    serious=Tone(solid="#A66A12", on_solid="#FFFFFF", soft="#F6E9CF", ink="#77490A"),
    concern=Tone(solid="#1F6F6B", on_solid="#FFFFFF", soft="#DCEBE9", ink="#185A57"),
    focus="#591F6F6B",
)

DARK: Final = Palette(
    dark=True,
    paper="#141A22",
    card="#1D2530",
    line="#333D4A",
    edge="#7C8896",
    ink="#ECE8DF",
    on_ink="#1B2430",
    muted="#A9B3BF",
    accent=Tone(solid="#6FBDB6", on_solid="#0E2422", soft="#1D3B3B", ink="#8ED0CA"),
    high=Tone(solid="#E3957B", on_solid="#2B110A", soft="#43281F", ink="#F2B29D"),
    serious=Tone(solid="#DDB065", on_solid="#2A1C05", soft="#3D3219", ink="#EBC788"),
    concern=Tone(solid="#6FBDB6", on_solid="#0E2422", soft="#1D3B3B", ink="#8ED0CA"),
    focus="#666FBDB6",
)


DIM: Final = Palette(
    dark=True,
    paper="#10151C",
    card="#161D26",
    line="#27303B",
    edge="#6E7A87",
    ink="#BDB9B0",
    on_ink="#10151C",
    muted="#919BA7",
    accent=Tone(solid="#5F9F99", on_solid="#0A1B1A", soft="#152828", ink="#78B0AA"),
    high=Tone(solid="#B5816F", on_solid="#1E0D08", soft="#2A1E1A", ink="#C59D8E"),
    serious=Tone(solid="#AB9160", on_solid="#1C1304", soft="#272215", ink="#BEA97E"),
    concern=Tone(solid="#5F9F99", on_solid="#0A1B1A", soft="#152828", ink="#78B0AA"),
    focus="#665F9F99",
)
"""The doorstep: as dark as can still be read, and no colour that draws an eye from two metres."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The tokens a screen draws with. Distances and sizes are logical pixels.

    Type has four sizes: `question`, `action`, `text`, `quiet`; a first-level `title` lies between the first two.
    They grow with `scale`; distances do not.
    """

    palette: Palette
    scale: float = 1.0

    question: float = 30
    title: float = 26
    action: float = 20
    text: float = 16
    quiet: float = 15

    hair: float = 1
    stroke: float = 2
    tight: float = 4
    small: float = 8
    gap: float = 12
    side: float = 20
    wide: float = 32

    radius_chip: float = 14
    radius: float = 18
    radius_card: float = 24

    target: float = 48
    """Smallest side of anything that can be pressed."""
    button: float = 64
    answer: float = 76
    progress_bar: float = 6
    edge_zone: float = 20
    """Height of the strip at the bottom edge where a long press covers the screen."""

    icon: float = 24
    icon_small: float = 20
    icon_large: float = 32

    content_width: float = 640
    """Widest column of reading and answering."""
    side_width: float = 216
    list_width: float = 420
    """The list of a desk, beside what is chosen in it."""
    alone_width: float = 760
    """The same where nothing stands beside it."""
    code_side: float = 280
    """A code that a camera reads from half a metre."""

    @property
    def stacked(self) -> bool:
        """Whether text is so large that columns on a phone become rows."""
        return self.scale >= STACKING_SCALE

    def fit(self, height: float) -> float:
        """Return `height` grown as far as its text grows, so that large text is never cut."""
        return round(height * (1 + (self.scale - 1) * 0.5))

    def material(self) -> ft.Theme:
        """Return the Material theme that Flet's own controls (fields, menus) draw with."""
        p = self.palette
        still = ft.PageTransitionTheme.NONE
        return ft.Theme(
            color_scheme=ft.ColorScheme(
                primary=p.accent.solid,
                on_primary=p.accent.on_solid,
                primary_container=p.accent.soft,
                on_primary_container=p.accent.ink,
                secondary=p.accent.solid,
                on_secondary=p.accent.on_solid,
                error=p.high.ink,
                on_error=p.card,
                surface=p.paper,
                on_surface=p.ink,
                on_surface_variant=p.muted,
                surface_container=p.card,
                surface_container_high=p.card,
                surface_container_highest=p.card,
                outline=p.edge,
                outline_variant=p.line,
            ),
            scaffold_bgcolor=p.paper,
            focus_color=p.focus,
            page_transitions=ft.PageTransitionsTheme(
                android=still, ios=still, linux=still, macos=still, windows=still
            ),
        )


def theme_for(palette: Palette, scale: float = 1.0, *, quiet: bool = False) -> Theme:
    """Return the theme of `palette` with all type sizes multiplied by `scale` (held within 1.0 and 2.0).

    With `quiet` nothing is larger than the text that is read: what stands in large letters is read by others.
    """
    scale = min(max(scale, SMALLEST_SCALE), LARGEST_SCALE)
    plain = Theme(palette)
    if quiet:
        plain = replace(plain, question=plain.text + 1, title=plain.text + 1, action=plain.text)
    return replace(
        plain,
        scale=scale,
        # The question is large already: at 200 % it grows to 45, so that words still fit on a phone's line.
        question=round(plain.question * (1 + (scale - 1) * 0.5)),
        title=round(plain.title * (1 + (scale - 1) * 0.5)),
        action=round(plain.action * scale),
        text=round(plain.text * scale),
        quiet=round(plain.quiet * scale),
    )

"""Quick choices of safe and never windows, for the forty seconds at the scene; the case's rules can be refined later."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from fieldapp.domain.contact import SafeWindow, Tie, Window
from fieldapp.kit.answer_bar import Option
from fieldapp.kit.i18n import Translator

_WEEK: Final = range(7)
_WORKDAYS: Final = range(5)
_WEEKEND: Final = range(5, 7)


@dataclass(frozen=True, slots=True)
class Preset:
    """The same hours on several days; `start` and `end` in minutes from midnight."""

    days: Collection[int]
    start: int
    end: int
    tie: Tie = Tie.NONE

    @property
    def windows(self) -> tuple[Window, ...]:
        """One window for each day."""
        return tuple(Window(day, self.start, self.end) for day in self.days)

    @property
    def safe(self) -> tuple[SafeWindow, ...]:
        """The same as safe windows, which stop in holidays when they are tied to school or work."""
        return tuple(SafeWindow(window, tie=self.tie) for window in self.windows)


SAFE: Final[Mapping[str, Preset]] = {
    "school": Preset(_WORKDAYS, 510, 930, Tie.SCHOOL),
    "work": Preset(_WORKDAYS, 540, 1020, Tie.WORK),
    "mornings": Preset(_WORKDAYS, 480, 720),
    "afternoons": Preset(_WORKDAYS, 780, 1020),
    "evenings": Preset(_WEEK, 1080, 1320),
    "weekend": Preset(_WEEKEND, 600, 1080),
}
NEVER: Final[Mapping[str, Preset]] = {
    "nights": Preset(_WEEK, 1320, 420),
    "evenings": Preset(_WEEK, 1020, 1320),
    "mornings": Preset(_WORKDAYS, 420, 720),
    "afternoons": Preset(_WORKDAYS, 720, 1020),
    "weekend": Preset(_WEEKEND, 0, 1440),
}


def window_options(t: Translator, presets: Mapping[str, Preset]) -> list[Option]:
    """Return the chips of `presets`."""
    words: dict[str, Callable[[], str]] = {
        "school": lambda: t("School hours"),
        "work": lambda: t("Work hours"),
        "mornings": lambda: t("Weekday mornings"),
        "afternoons": lambda: t("Weekday afternoons"),
        "evenings": lambda: t("Evenings"),
        "nights": lambda: t("Nights"),
        "weekend": lambda: t("Weekends"),
    }
    return [Option(key, words[key]()) for key in presets]


def chosen_safe(windows: Collection[SafeWindow]) -> frozenset[str]:
    """Return the presets that stand completely in `windows`."""
    return frozenset(key for key, preset in SAFE.items() if set(preset.safe) <= set(windows))


def chosen_never(windows: Collection[Window]) -> frozenset[str]:
    """Return the presets that stand completely in `windows`."""
    return frozenset(key for key, preset in NEVER.items() if set(preset.windows) <= set(windows))

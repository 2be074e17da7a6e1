"""What a worker chose for this device. Kept inside the vault: before unlock only the defaults are known."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from sync import canonical
from sync.errors import CanonicalError
from sync.fields import Fields

LANGUAGES: Final = ("en", "nl", "fr", "de")
IDLE_CHOICES: Final = (60, 180, 300)
"""Seconds without a tap until the app locks."""
BACKGROUND_CHOICES: Final = (0, 30, 60)
"""Seconds in the background until the app locks."""
TEXT_SCALES: Final = (100, 130, 160, 200)
"""Text size in per cent."""


class Look(StrEnum):
    """Light, dark, or what the system says."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Work(StrEnum):
    """Which order and which choices a screening offers first."""

    OFFICER = "officer"
    OUTREACH = "outreach"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with the defaults of a new device."""

    language: str = "en"
    look: Look = Look.SYSTEM
    work: Work = Work.OFFICER
    idle_seconds: int = 180
    background_seconds: int = 60
    text_scale: int = 100

    def __post_init__(self) -> None:
        """Refuse a value that no screen offers; ValueError names the field."""
        for name, allowed in (
            ("language", LANGUAGES),
            ("idle_seconds", IDLE_CHOICES),
            ("background_seconds", BACKGROUND_CHOICES),
            ("text_scale", TEXT_SCALES),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is not one of {allowed}")

    def with_(self, **changes: object) -> Self:
        """Return a copy with some fields changed; ValueError as above."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "background_seconds": self.background_seconds,
                "idle_seconds": self.idle_seconds,
                "language": self.language,
                "look": self.look.value,
                "text_scale": self.text_scale,
                "v": 1,
                "work": self.work.value,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Settings":
        """Decode; settings that cannot be read become the defaults, because they must never lock anyone out."""
        try:
            fields = Fields.parse(data)
            return cls(
                language=fields.text("language"),
                look=Look(fields.text("look")),
                work=Work(fields.text("work")),
                idle_seconds=fields.number("idle_seconds"),
                background_seconds=fields.number("background_seconds"),
                text_scale=fields.number("text_scale"),
            )
        except (CanonicalError, ValueError):
            return cls()

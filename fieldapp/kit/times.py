"""Moments in few words, in the worker's language: "today 14:05", "tomorrow 10:00", "Tue 3/12 10:00"."""

from datetime import date, datetime

from fieldapp.kit.i18n import Translator


def local_time(at: int) -> datetime:
    """Return an epoch time (seconds) as the clock on the wall shows it."""
    return datetime.fromtimestamp(at)


def date_words(at: int) -> str:
    """Return the day of an epoch time with its year, for what is months away: "3/12/2027"."""
    day = local_time(at)
    return f"{day.day}/{day.month}/{day.year}"


def clock_words(minutes: int) -> str:
    """Return minutes from midnight as "08:30"; 1440 is 24:00."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def minutes_of(text: str) -> int | None:
    """Read a typed time of day ("8", "830", "8:30", "08.30", "24:00"); None when it is none."""
    digits = "".join(c for c in text if c.isdecimal())
    if not digits.isascii() or not 1 <= len(digits) <= 4:
        return None
    hours, minutes = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    total = hours * 60 + minutes
    return total if minutes < 60 and total <= 24 * 60 else None


def moment_words(t: Translator, at: datetime, now: datetime) -> str:
    """Return a moment as it is said on the day `now`."""
    return t("{day} {time}", day=day_words(t, at.date(), now.date()), time=f"{at:%H:%M}")


def past_words(t: Translator, at: datetime, now: datetime) -> str:
    """Return a moment that has been: of today only the time."""
    return f"{at:%H:%M}" if at.date() == now.date() else moment_words(t, at, now)


def day_words(t: Translator, day: date, today: date) -> str:
    """Return a day as it is said `today`."""
    match (day - today).days:
        case 0:
            return t("today")
        case 1:
            return t("tomorrow")
        case -1:
            return t("yesterday")
        case _:
            return t(
                "{weekday} {day}/{month}",
                weekday=weekday_words(t)[day.weekday()],
                day=day.day,
                month=day.month,
            )


def weekday_words(t: Translator) -> tuple[str, ...]:
    """Return the short names of the days, Monday first."""
    return (t("Mon"), t("Tue"), t("Wed"), t("Thu"), t("Fri"), t("Sat"), t("Sun"))


def wait_words(t: Translator, seconds: int) -> str:
    """Return how long is left to wait, as "0:30" or "12:05"."""
    return t("{minutes}:{seconds} left", minutes=seconds // 60, seconds=f"{seconds % 60:02d}")

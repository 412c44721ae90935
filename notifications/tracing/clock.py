"""Times as somebody's wall clock shows them, in words."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone, and the day of which a sentence speaks: its times need no date."""

    zone: tzinfo
    day: date | None = None

    def of(self, instant: datetime) -> "Clock":
        """Return the clock for a sentence that begins with this instant (aware)."""
        return Clock(self.zone, instant.astimezone(self.zone).date())

    def tell(self, instant: datetime) -> str:
        """Return "14:29 UTC", and on another day "09:00 CET on 5 March 2026"."""
        local = instant.astimezone(self.zone)
        time = f"{local:%H:%M} {_zone_name(local)}"
        return time if local.date() == self.day else f"{time} on {self.tell_day(instant)}"

    def tell_day(self, instant: datetime) -> str:
        """Return "4 March 2026"."""
        local = instant.astimezone(self.zone)
        return f"{local.day} {local:%B %Y}"


def to_the_millisecond(instant: datetime) -> str:
    """Return "2026-03-04 14:29:00.250 UTC", as timelines have it."""
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d} UTC"


def in_words(duration: timedelta) -> str:
    """Return about how long it is: "less than 0.1 seconds", "12 seconds", "3 minutes", "2 days"."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 0.1:
        return "less than 0.1 seconds"
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    for unit, length, most in (("second", 1, 120), ("minute", 60, 120), ("hour", 3_600, 48)):
        if seconds < length * most:
            return _counted(round(seconds / length), unit)
    return _counted(round(seconds / 86_400), "day")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _zone_name(local: datetime) -> str:
    """Return the zone's usual letters; where it has none, its distance from UTC."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.isoformat()[-6:]}"

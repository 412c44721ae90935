"""When the next digest goes out: pure calendar arithmetic in the user's time zone (spec §6)."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

_QUARTER = timedelta(minutes=15)  # every zone's offset of today is a multiple of it


class DigestFrequency(StrEnum):
    """How a user wants mail."""

    IMMEDIATE = "immediate"
    HOURLY = "hourly"  # at :00
    DAILY = "daily"  # at the user's digest time
    WEEKLY = "weekly"  # on Monday at the user's digest time
    NEVER = "never"  # no mail of any type, present or future


def next_digest_at(frequency: DigestFrequency, *, after: datetime, zone: tzinfo, at: time) -> datetime:
    """Return the first digest instant later than `after`, in UTC.

    A local time that daylight saving skips moves to the first valid instant after it; one that it repeats
    counts once, at its first occurrence.
    """
    if frequency is DigestFrequency.HOURLY:
        return _next_full_hour(after, zone)
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        if frequency is DigestFrequency.DAILY or day.weekday() == 0:
            instant = _first_valid_instant(datetime.combine(day, at), zone)
            if instant > after:
                return instant
        day += timedelta(days=1)


def _next_full_hour(after: datetime, zone: tzinfo) -> datetime:
    """Return the next instant at which a clock on the user's wall shows a full hour."""
    seconds = after.timestamp()
    instant = datetime.fromtimestamp(seconds - seconds % _QUARTER.total_seconds(), UTC) + _QUARTER
    while instant.astimezone(zone).minute:
        instant += _QUARTER
    return instant


def _first_valid_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first instant at which the wall clock shows `wall`, or has just jumped over it."""
    before = wall.replace(tzinfo=zone, fold=0)
    instant = before.astimezone(UTC)
    skipped = instant.astimezone(zone).replace(tzinfo=None) - wall
    if not skipped:
        return instant
    # `wall` does not exist: fold=0 reads it with the offset from before the jump, and so lands `skipped` too late.
    # The jump is where the offset changes; search for it, since gaps last from 30 minutes to a whole day.
    low, high = instant - timedelta(days=1), instant
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)

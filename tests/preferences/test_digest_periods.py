import itertools
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.digest_periods import DigestFrequency, next_digest_at

BERLIN = ZoneInfo("Europe/Berlin")


def daily(after: datetime, at: time, zone: ZoneInfo = BERLIN) -> datetime:
    return next_digest_at(DigestFrequency.DAILY, after=after, zone=zone, at=at)


def test_a_time_that_daylight_saving_skips_moves_to_the_first_valid_instant():
    # Berlin, 29 March 2026: 02:00 becomes 03:00, so 02:30 does not exist.
    assert daily(datetime(2026, 3, 28, 23, tzinfo=UTC), time(2, 30)) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_time_that_daylight_saving_repeats_counts_once():
    # Berlin, 25 October 2026: 03:00 becomes 02:00, so 02:30 comes twice.
    first = daily(datetime(2026, 10, 24, 23, tzinfo=UTC), time(2, 30))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert daily(first, time(2, 30)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_weekly_digest_goes_out_on_monday():
    instant = next_digest_at(DigestFrequency.WEEKLY, after=datetime(2026, 3, 4, tzinfo=UTC), zone=BERLIN, at=time(9))
    assert instant == datetime(2026, 3, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "minute"), [("UTC", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15)])
def test_an_hourly_digest_goes_out_when_the_users_own_clock_shows_a_full_hour(zone, minute):
    after = datetime(2026, 3, 4, 14, 50, tzinfo=UTC)
    instant = next_digest_at(DigestFrequency.HOURLY, after=after, zone=ZoneInfo(zone), at=time(9))
    assert instant == datetime(2026, 3, 4, 15, minute, tzinfo=UTC)


@given(
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None)),
)
def test_every_local_day_has_exactly_one_daily_digest(zone, start, at):
    instants = [start]
    for _ in range(4):
        instants.append(daily(instants[-1], at, ZoneInfo(zone)))
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants[1:])]
    assert all(timedelta(hours=22) <= gap <= timedelta(hours=26) for gap in gaps)
    days = [instant.astimezone(ZoneInfo(zone)).date() for instant in instants[1:]]
    assert days == sorted(set(days))

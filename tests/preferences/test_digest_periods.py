import itertools
from datetime import UTC, date, datetime, time, timedelta
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


@pytest.mark.parametrize("at", [time(2, 30), time(2, 30, fold=1)], ids=["first", "second"])
def test_a_time_that_daylight_saving_repeats_counts_once(at):
    # Berlin, 25 October 2026: 03:00 becomes 02:00, so 02:30 comes twice.
    first = daily(datetime(2026, 10, 24, 23, tzinfo=UTC), at)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert daily(first, at) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_weekly_digest_goes_out_on_monday():
    instant = next_digest_at(DigestFrequency.WEEKLY, after=datetime(2026, 3, 4, tzinfo=UTC), zone=BERLIN, at=time(9))
    assert instant == datetime(2026, 3, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "minute"), [("UTC", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15)])
def test_an_hourly_digest_goes_out_when_the_users_own_clock_shows_a_full_hour(zone, minute):
    after = datetime(2026, 3, 4, 14, 50, tzinfo=UTC)
    instant = next_digest_at(DigestFrequency.HOURLY, after=after, zone=ZoneInfo(zone), at=time(9))
    assert instant == datetime(2026, 3, 4, 15, minute, tzinfo=UTC)


# --- Every zone, two years -----------------------------------------------------------------------------------------

ZONES = [ZoneInfo(name) for name in sorted(available_timezones() - {"localtime"})]
FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 12, 31)
DAY, HOUR, QUARTER, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15), timedelta(minutes=1)

zones = st.sampled_from(ZONES)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
wall_times = st.times().map(lambda at: time(at.hour, at.minute))


def first_instant_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clock shows `wall` or later for the first time, found by looking at the clock."""
    instant = wall.replace(tzinfo=UTC) - timedelta(hours=15)  # no zone is as far ahead
    for step in (QUARTER, MINUTE):
        while instant.astimezone(zone).replace(tzinfo=None) < wall:
            instant += step
        instant -= step
    return instant + MINUTE


def clock_changes(zone: ZoneInfo) -> list[datetime]:
    """The days after which the zone's offset is another."""
    days = [datetime.combine(FIRST_DAY, time(), UTC) + number * DAY for number in range((LAST_DAY - FIRST_DAY).days)]
    return [day for day in days if day.astimezone(zone).utcoffset() != (day + DAY).astimezone(zone).utcoffset()]


def sequence(frequency: DigestFrequency, after: datetime, zone: ZoneInfo, at: time, *, count: int) -> list[datetime]:
    instants = [after]
    for _ in range(count):
        instants.append(next_digest_at(frequency, after=instants[-1], zone=zone, at=at))
    return instants[1:]


def days_from(day: date, *, count: int, step: timedelta = DAY) -> list[date]:
    return [day + number * step for number in range(count)]


def expected(days: list[date], after: datetime, zone: ZoneInfo, at: time) -> list[datetime]:
    instants = [first_instant_showing(datetime.combine(day, at), zone) for day in days]
    return [instant for instant in instants if instant > after]


@given(zone=zones, after=moments, at=wall_times)
def test_every_local_day_has_exactly_one_daily_digest_at_the_users_time(zone, after, at):
    days = days_from(after.astimezone(zone).date(), count=6)
    wanted = expected(days, after, zone, at)
    assert sequence(DigestFrequency.DAILY, after, zone, at, count=len(wanted)) == wanted


@given(zone=zones, after=moments, at=wall_times)
def test_every_local_week_has_exactly_one_weekly_digest_on_its_monday(zone, after, at):
    today = after.astimezone(zone).date()
    mondays = days_from(today - today.weekday() * DAY, count=4, step=7 * DAY)
    wanted = expected(mondays, after, zone, at)
    assert sequence(DigestFrequency.WEEKLY, after, zone, at, count=len(wanted)) == wanted


@given(zone=zones, after=moments)
def test_every_full_hour_on_the_users_clock_has_exactly_one_hourly_digest(zone, after):
    instants = sequence(DigestFrequency.HOURLY, after, zone, time(9), count=30)
    assert instants == full_hours(after, instants[-1], zone)
    assert instants[0] - after <= HOUR + HOUR / 2


def full_hours(after: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    minutes = int((until - after) / MINUTE) + 2
    floor = after.replace(second=0, microsecond=0)
    instants = (floor + number * MINUTE for number in range(minutes))
    return [instant for instant in instants if after < instant <= until and not instant.astimezone(zone).minute]


@given(zone=zones, after=moments, at=wall_times, frequency=st.sampled_from(["hourly", "daily", "weekly"]))
def test_the_answer_is_always_later_and_the_same_for_all_instants_before_it(zone, after, at, frequency):
    instant = next_digest_at(DigestFrequency(frequency), after=after, zone=zone, at=at)
    just_before = instant - timedelta(microseconds=1)
    assert instant > after
    assert next_digest_at(DigestFrequency(frequency), after=just_before, zone=zone, at=at) == instant


@pytest.mark.parametrize("at", [time(0), time(1, 59), time(2), time(2, 30), time(23, 45)], ids=str)
def test_no_change_of_any_clock_in_two_years_costs_or_doubles_a_daily_digest(at):
    changes = [(zone, change) for zone in ZONES for change in clock_changes(zone)]
    assert len(changes) > 500
    for zone, change in changes:
        days = days_from(change.astimezone(zone).date() - DAY, count=5)
        wanted = [first_instant_showing(datetime.combine(day, at), zone) for day in days]
        found = sequence(DigestFrequency.DAILY, wanted[0] - MINUTE, zone, at, count=len(wanted))
        assert found == wanted, zone.key


def test_no_change_of_any_clock_in_two_years_costs_or_doubles_an_hourly_digest():
    for zone in ZONES:
        for change in clock_changes(zone):
            instants = sequence(DigestFrequency.HOURLY, change, zone, time(9), count=26)
            gaps = {later - earlier for earlier, later in itertools.pairwise(instants)}
            # Lord Howe's clock moves by half an hour.
            assert gaps <= {HOUR, HOUR / 2, HOUR + HOUR / 2}, zone.key
            assert all(not instant.astimezone(zone).minute for instant in instants), zone.key

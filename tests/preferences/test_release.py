import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.release import Ramp

MINUTE = timedelta(minutes=1)
RAMP = Ramp(start=10, length=MINUTE)

seconds = st.floats(min_value=0, max_value=59.9).map(lambda number: timedelta(seconds=number))


@pytest.mark.parametrize(
    ("after", "rate"), [(0, 10), (6, 20), (12, 40), (30, 320), (54, 5_120), (60, None), (90, None)]
)
def test_the_rate_doubles_ten_times_and_then_there_is_none(after: float, rate: float | None):
    assert RAMP.rate(timedelta(seconds=after)) == rate


@given(seconds, seconds)
def test_it_never_goes_slower_again(one: timedelta, other: timedelta):
    earlier, later = sorted([one, other])
    assert (RAMP.rate(earlier) or 0) <= (RAMP.rate(later) or math.inf)
    assert RAMP.admitted(earlier) <= RAMP.admitted(later)


@given(seconds)
def test_what_is_admitted_is_the_sum_of_the_rates(after: timedelta):
    steps = 2_000
    summed = sum((RAMP.rate(after * (n + 0.5) / steps) or 0) for n in range(steps)) * after.total_seconds() / steps
    assert RAMP.admitted(after) == pytest.approx(summed, rel=1e-3)


@given(seconds)
def test_the_moment_of_a_count_is_when_so_many_are_admitted(after: timedelta):
    assert RAMP.moment_of(RAMP.admitted(after)).total_seconds() == pytest.approx(after.total_seconds(), abs=1e-3)


def test_nothing_waits_longer_than_the_ramp():
    assert RAMP.moment_of(10**12) == MINUTE
    assert RAMP.admitted(MINUTE) == math.inf


def test_a_clock_that_is_a_little_slow_is_at_the_start():
    assert RAMP.rate(timedelta(seconds=-2)) == 10
    assert RAMP.admitted(timedelta(seconds=-2)) == 0


def test_a_ramp_of_no_length_hinders_nobody():
    ramp = Ramp(start=10, length=timedelta())
    assert ramp.rate(timedelta()) is None
    assert ramp.moment_of(1_000) == timedelta()

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import Settings
from redis import Redis

from delivery import lanes
from devstack.waiting import wait_until
from preferences import release, rollout
from preferences.catalog import Channel

EMAIL, PUSH = Channel.EMAIL, Channel.PUSH
NO_TIME, A_MOMENT = timedelta(milliseconds=1), timedelta(milliseconds=200)
A_WHILE = timedelta(seconds=1)  # that a busy machine may let pass between two lines


@pytest.fixture
def one_throttle_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(lanes, "ONE_THROTTLE", timedelta(0))


def burst(per_second: float) -> int:
    """What a full bucket of this rate holds."""
    return int(per_second * lanes.BURST.total_seconds())


def rate() -> float:
    """How fast turns are given out just now."""
    before = lanes.turn(EMAIL, 0)
    return 1_000 / (lanes.turn(EMAIL, 1_000) - before).total_seconds()


def slowed_rate(valkey: Redis) -> float:
    return float(valkey.hget("lane:email:bucket", "slowed") or "nan")


# --- Without a limit, and with one -------------------------------------------------------------------------------


def test_without_a_limit_everything_is_granted():
    assert [lanes.grant(EMAIL, 1_000) for _ in range(3)] == [1_000] * 3
    assert lanes.turn(EMAIL, 1_000) == timedelta(0)


def test_a_full_bucket_grants_one_burst_and_then_what_flows_in(limit):
    limit(1)
    assert lanes.grant(EMAIL, 1_000) == burst(1)
    assert lanes.grant(EMAIL, 1_000) <= 1
    assert wait_until(lambda: lanes.grant(EMAIL, 1) == 1, seconds=2)


def test_the_rate_holds_over_time(limit):
    limit(200)
    lanes.grant(EMAIL, 10_000)
    began = time.monotonic()
    granted = 0
    while granted < 100:
        granted += lanes.grant(EMAIL, 10)
    assert time.monotonic() - began >= 100 / 200 * 0.9


def test_workers_that_ask_at_once_get_no_more_than_the_bucket_holds(limit):
    limit(1)
    granted = []
    workers = [
        threading.Thread(target=lambda: granted.extend(lanes.grant(EMAIL, 1) for _ in range(20))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert burst(1) <= sum(granted) <= burst(1) + 2


def test_a_rate_below_one_a_second_still_lets_one_through(limit):
    limit(0.01)
    assert [lanes.grant(EMAIL, 5), lanes.grant(EMAIL, 5)] == [1, 0]


def test_a_limit_that_comes_later_does_not_count_what_was_sent_without_one(limit):
    lanes.grant(EMAIL, 1_000_000)
    limit(10)
    assert wait_until(lambda: lanes.grant(EMAIL, 1) == 1, seconds=2)


def test_channels_do_not_share_a_bucket(limit):
    limit(1)
    lanes.grant(EMAIL, 1_000)
    assert lanes.grant(PUSH, 1_000) == 1_000


# --- The rest has its turn -----------------------------------------------------------------------------------------


def test_turns_are_given_out_one_behind_the_other_at_the_lanes_rate(limit):
    limit(10)
    first, second = lanes.turn(EMAIL, 50), lanes.turn(EMAIL, 50)
    assert first == pytest.approx(timedelta(seconds=5), abs=A_WHILE)
    assert second == pytest.approx(timedelta(seconds=10), abs=A_WHILE)


def test_a_turn_is_never_far_away(limit):
    limit(1)
    assert lanes.turn(EMAIL, 100_000) == lanes.LONGEST_TURN


# --- After a throttle ----------------------------------------------------------------------------------------------


def test_a_throttle_halves_the_rate_and_empties_the_bucket(limit, valkey):
    limit(4)
    lanes.pause(EMAIL, NO_TIME)
    assert slowed_rate(valkey) == 2
    assert lanes.grant(EMAIL, 1_000) <= 1
    assert lanes.turn(EMAIL, 20) == pytest.approx(timedelta(seconds=10), abs=A_WHILE)


@pytest.mark.usefixtures("one_throttle_at_a_time")
def test_each_further_throttle_halves_again_but_one_a_second_is_left(limit, valkey):
    limit(10)
    rates = []
    for _ in range(5):
        lanes.pause(EMAIL, NO_TIME)
        rates.append(slowed_rate(valkey))
    assert rates == [5, 2.5, 1.25, 1, 1]


def test_one_throttle_that_many_workers_hear_at_once_counts_once(limit, valkey):
    limit(16)
    for _ in range(4):
        lanes.pause(EMAIL, NO_TIME)
    assert slowed_rate(valkey) == 8


def test_without_a_limit_a_throttle_halves_what_was_sent_of_late(valkey):
    lanes.grant(EMAIL, 200)
    lanes.pause(EMAIL, NO_TIME)
    assert slowed_rate(valkey) == pytest.approx(200 / lanes.BURST.total_seconds() / 2, rel=0.05)
    assert lanes.grant(EMAIL, 200) < 10


def test_a_slow_lane_doubles_until_it_is_as_fast_as_its_limit(limit, monkeypatch):
    limit(100)
    monkeypatch.setattr(lanes, "RECOVERY", timedelta(milliseconds=100))
    monkeypatch.setattr(lanes, "LONGEST_TURN", timedelta(days=1))
    lanes.pause(EMAIL, NO_TIME)
    assert wait_until(lambda: rate() == pytest.approx(100, rel=0.2), seconds=5)


def test_a_pause_keeps_everybody_back_for_as_long_as_the_provider_asks():
    lanes.pause(EMAIL, A_MOMENT)
    assert lanes.is_blocked(EMAIL)
    assert not lanes.is_blocked(PUSH)
    assert wait_until(lambda: not lanes.is_blocked(EMAIL), seconds=2)


def test_a_throttle_opens_no_circuit():
    for _ in range(lanes.OUTAGES_TO_CLOSE * 2):
        lanes.pause(EMAIL, NO_TIME)
    assert wait_until(lambda: not lanes.is_blocked(EMAIL), seconds=1)


def test_a_success_opens_the_lane_and_leaves_it_slow(limit, valkey):
    limit(10)
    lanes.pause(EMAIL, NO_TIME)
    assert wait_until(lambda: not lanes.is_blocked(EMAIL), seconds=10)
    for _ in range(lanes.OUTAGES_TO_CLOSE):
        lanes.report_outage(EMAIL)
    assert lanes.is_blocked(EMAIL)
    lanes.report_success(EMAIL)
    assert not lanes.is_blocked(EMAIL)
    assert slowed_rate(valkey) == 5


def test_a_clock_of_redis_that_goes_back_leaves_a_slow_lane_as_slow_as_it_was(limit, valkey):
    limit(100)
    lanes.pause(EMAIL, NO_TIME)
    valkey.hincrbyfloat("lane:email:bucket", "slowed_at", 3600)  # a failover to a server an hour behind
    assert lanes.look(EMAIL).slowed_to == 50


# --- Redis away ------------------------------------------------------------------------------------------------------


def test_without_redis_everything_is_granted_and_nothing_waits(limit, servers):
    limit(1)
    servers.valkey.stop()
    assert lanes.grant(EMAIL, 500) == 500
    assert lanes.turn(EMAIL, 500) == timedelta(0)
    lanes.pause(EMAIL, A_MOMENT)


def test_what_redis_keeps_of_a_lane_goes_by_itself(limit, valkey):
    limit(10)
    lanes.grant(EMAIL, 1)
    lanes.pause(EMAIL, NO_TIME)
    lanes.turn(EMAIL, 1)
    assert 0 < valkey.ttl("lane:email:bucket") <= 600


# --- After a release of the kill switch ------------------------------------------------------------------------------


@pytest.fixture
def released(monkeypatch, settings: Settings) -> Callable[[float | None], None]:
    settings.RELEASE_RAMP = timedelta(minutes=1)

    def seconds_ago(seconds: float | None) -> None:
        elapsed = None if seconds is None else timedelta(seconds=seconds)
        monkeypatch.setattr(rollout, "since_release", lambda: elapsed)

    return seconds_ago


def test_a_lane_without_a_limit_begins_slowly_and_then_has_none(released):
    released(0)
    assert lanes.grant(EMAIL, 1_000) == burst(release.DELIVERIES_PER_SECOND)
    assert lanes.grant(EMAIL, 1_000) <= 1
    released(30)
    assert rate() == pytest.approx(320, rel=0.05)
    released(None)
    assert lanes.grant(EMAIL, 1_000_000) == 1_000_000


@pytest.mark.parametrize(("seconds", "limit_then"), [(0, 10), (3, 14), (30, 14)])
def test_a_ramp_never_goes_beyond_the_limit(released, limit, seconds: float, limit_then: float):
    limit(14)
    released(seconds)
    assert lanes._limit(EMAIL) == pytest.approx(limit_then, rel=0.02)


def test_on_a_ramp_a_turn_is_no_further_than_its_next_doubling(released):
    released(0)
    assert lanes.turn(EMAIL, 100_000) == timedelta(seconds=6)

from datetime import timedelta

import pytest
from pytest_django import Settings
from redis import Redis, RedisError

from delivery import lanes
from delivery.lanes import Lane
from devstack.ports import free_port

OPEN = Lane("email", closed_by="", closed_for=timedelta(), slowed_to=None)


def throttled_ago(valkey: Redis, seconds: float) -> None:
    """Move the last throttle back in time."""
    at = float(valkey.hget("lane:email:bucket", "slowed_at") or 0)
    valkey.hset("lane:email:bucket", "slowed_at", at - seconds)
    valkey.delete("lane:email:blocked")


def test_a_lane_that_nobody_used_is_open():
    assert lanes.look("email") == OPEN


def test_looking_changes_nothing(valkey: Redis):
    lanes.look("email")
    assert valkey.keys("lane:*") == []


def test_an_outage_closes_one_lane_until_the_next_probe():
    for _ in range(lanes.OUTAGES_TO_CLOSE):
        lanes.report_outage("push:ios")
    ios, android = lanes.look("push:ios"), lanes.look("push:android")
    assert (ios.closed_by, android.closed_by) == ("outage", "")
    assert timedelta() < ios.closed_for <= lanes.PROBE


def test_a_throttle_slows_to_half_and_recovers(limit, valkey: Redis):
    limit(8)
    lanes.pause("email", timedelta(minutes=1))
    assert (lanes.look("email").closed_by, lanes.look("email").slowed_to) == ("throttled", 4.0)
    throttled_ago(valkey, lanes.RECOVERY.total_seconds() + 1)
    assert lanes.look("email") == OPEN


def test_without_a_limit_a_lane_counts_as_slow_for_four_doublings(valkey: Redis):
    lanes.grant("email", 100)
    lanes.pause("email", timedelta(minutes=1))
    throttled_ago(valkey, 3.5 * lanes.RECOVERY.total_seconds())
    assert lanes.look("email").slowed_to is not None
    throttled_ago(valkey, lanes.RECOVERY.total_seconds())
    assert lanes.look("email") == OPEN


def test_nobody_can_say_how_a_lane_is_without_redis(settings: Settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(RedisError):
        lanes.look("email")


def test_the_rate_is_that_of_the_last_seconds(valkey: Redis):
    assert lanes.per_second("email") == 0
    lanes.grant("email", 100)
    assert lanes.per_second("email") == pytest.approx(100 / lanes.BURST.total_seconds(), rel=0.2)
    valkey.hset("lane:email:bucket", "at", float(valkey.hget("lane:email:bucket", "at") or 0) - 60)
    assert lanes.per_second("email") < 0.1

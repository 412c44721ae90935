"""The way to a provider, shared by all workers: open, closed after an outage, or slow after a throttle.

A lane is named by its channel, or, where a channel has several providers, by channel and provider: `push:ios`.

How fast it is, is a token bucket: settings.OUTBOUND_PER_SECOND fills it, a throttle halves what flows in, and every
RECOVERY without another throttle doubles it again. After a release of the kill switch a ramp fills it, until that is
faster than the setting. Kept in Redis and forgotten with it: then every worker finds out for itself.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from redis import Redis, RedisError

from delivery import lane_scripts
from preferences import redis_client, release, rollout
from preferences.release import Ramp
from telemetry import metrics
from telemetry.metric_catalog import Metric

logger = logging.getLogger(__name__)

#: Outages in a row, over all workers, that close the lane. While it is closed one chunk goes out each PROBE.
OUTAGES_TO_CLOSE: Final = 5
PROBE: Final = timedelta(seconds=10)
#: What the bucket holds at most. The sweeper comes that often, and what it finds must reach the rate.
#: Providers bear it: SES lets short bursts pass, FCM counts by the minute.
BURST: Final = timedelta(seconds=5)
#: After so long without another throttle a slow lane is twice as fast.
RECOVERY: Final = timedelta(seconds=30)
#: Throttles so close together are one: many workers hear it at once.
ONE_THROTTLE: Final = timedelta(seconds=1)
#: A turn is never further away: the lane may be faster by then.
LONGEST_TURN: Final = timedelta(minutes=1)
_MEMORY: Final = timedelta(minutes=10)  # an outage that nobody has met for so long is over
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Lane:
    """How a lane is just now, for whoever looks on."""

    name: str
    closed_by: str  # "outage" or "throttled"; empty: it is open
    closed_for: timedelta
    slowed_to: float | None  # sends a second, of all lanes of the channel together; None: not slowed


def per_second(channel: str) -> float:
    """Return how many sends a second the channel had of late, about, and change nothing.

    Raises RedisError when Redis is away.
    """
    return float(_redis().eval(lane_scripts.PER_SECOND, 1, _key(channel, "bucket"), *_bucket_values(channel)))


def look(lane: str) -> Lane:
    """Return how the lane is, and change nothing. Raises RedisError when Redis is away."""
    channel = lane.partition(":")[0]
    reading = _redis().pipeline(transaction=False)
    reading.get(_key(lane, "blocked"))
    reading.pttl(_key(lane, "blocked"))
    reading.eval(lane_scripts.SLOWED, 1, _key(channel, "bucket"), *_bucket_values(channel))
    closed_by, milliseconds, slowed_to = reading.execute()
    return Lane(
        name=lane,
        closed_by=(closed_by or b"").decode(),
        closed_for=timedelta(milliseconds=max(milliseconds, 0)),
        slowed_to=float(slowed_to) if slowed_to else None,
    )


def is_blocked(lane: str) -> bool:
    """Whether nothing may be sent just now. What waits keeps waiting, at the cost of no attempt."""
    try:
        return bool(_redis().exists(_key(lane, "blocked")))
    except RedisError as error:
        _log(error)
        return False


def grant(lane: str, wanted: int) -> int:
    """Take up to `wanted` sends out of the lane's bucket; return how many there were, all when Redis is away.

    The rest has its turn after `turn`.
    """
    granted = _ask(lane_scripts.GRANT, lane, wanted)
    return wanted if granted is None else granted


def turn(lane: str, count: int) -> timedelta:
    """Give `count` sends that were not granted their place behind all others; return how far away it is."""
    longest = LONGEST_TURN if rollout.since_release() is None else min(LONGEST_TURN, _ramp().doubling)
    milliseconds = _ask(lane_scripts.TURN, lane, count, longest.total_seconds())
    return timedelta(milliseconds=milliseconds or 0)


def report_outage(lane: str) -> bool:
    """Count an outage of the provider; whether the lane is closed now."""
    try:
        outages = _redis().incr(_key(lane, "outages"))
        _redis().expire(_key(lane, "outages"), _MEMORY)
        if outages < OUTAGES_TO_CLOSE:
            return False
        if outages == OUTAGES_TO_CLOSE:
            logger.warning("lane closed", extra={"lane": lane})
            metrics.count(Metric.LANE_CLOSED, lane=lane)
        _redis().set(_key(lane, "blocked"), "outage", px=PROBE, nx=True)  # a throttle's pause may be longer
    except RedisError as error:
        _log(error)
        return False
    return True


def report_success(lane: str) -> None:
    """The provider answers: the lane is open, unless it is throttled, and as slow as it was."""
    try:
        if _redis().eval(lane_scripts.OPEN, 2, _key(lane, "outages"), _key(lane, "blocked")):
            logger.warning("lane open", extra={"lane": lane})
    except RedisError as error:
        _log(error)


def pause(lane: str, duration: timedelta) -> None:
    """The provider wants fewer of us: nobody sends for so long, and after it half as fast for a while."""
    metrics.count(Metric.LANE_THROTTLED, lane=lane)
    _ask(lane_scripts.SLOW_DOWN, lane, ONE_THROTTLE.total_seconds())
    try:
        _redis().set(_key(lane, "blocked"), "throttled", px=min(duration, _LONGEST_PAUSE))
    except RedisError as error:
        _log(error)


def _ask(script: str, lane: str, *arguments: float) -> int | None:
    """Run one atomic step on the bucket, which all lanes of a channel share; None when Redis is away."""
    channel = lane.partition(":")[0]
    values = (*_bucket_values(channel), *map(str, arguments))
    try:
        return int(_redis().eval(script, 1, _key(channel, "bucket"), *values))
    except RedisError as error:
        _log(error)
        return None


def _bucket_values(channel: str) -> tuple[str, ...]:
    """Return what every script on the bucket begins with."""
    times = (BURST.total_seconds(), RECOVERY.total_seconds(), _MEMORY.total_seconds())
    return tuple(str(value) for value in (_limit(channel), *times))


def _limit(channel: str) -> float:
    """Return how many sends a second all workers may have; 0 is no limit."""
    limit = float(settings.OUTBOUND_PER_SECOND.get(channel, 0))
    elapsed = rollout.since_release()
    rate = None if elapsed is None else _ramp().rate(elapsed)
    return limit if rate is None else min(limit or rate, rate)


def _ramp() -> Ramp:
    return Ramp(release.DELIVERIES_PER_SECOND, settings.RELEASE_RAMP)


def _key(lane: str, what: str) -> str:
    return f"lane:{lane}:{what}"


def _redis() -> Redis:
    return redis_client.client(timeout=_TIMEOUT_SECONDS)


def _log(error: RedisError) -> None:
    logger.warning("lanes unknown, Redis is away", extra={"error": type(error).__name__})

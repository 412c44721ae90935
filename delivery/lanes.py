"""A channel's way to its provider, shared by all workers: open, closed after an outage, or paused by a throttle.

Kept in Redis and forgotten with it: then every worker finds out for itself.
"""

import logging
from datetime import timedelta
from typing import Final

from redis import Redis, RedisError

from preferences import redis_client
from preferences.catalog import Channel

logger = logging.getLogger(__name__)

#: Outages in a row, over all workers, that close the lane. While it is closed one chunk goes out each PROBE.
OUTAGES_TO_CLOSE: Final = 5
PROBE: Final = timedelta(seconds=10)
_MEMORY: Final = timedelta(minutes=10)  # an outage that nobody has met for so long is over
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_TIMEOUT_SECONDS: Final = 1.0


def is_blocked(channel: Channel) -> bool:
    """Whether nothing may be sent just now. What waits keeps waiting, at the cost of no attempt."""
    try:
        return bool(_redis().exists(_key(channel, "blocked")))
    except RedisError as error:
        _log(error)
        return False


def report_outage(channel: Channel) -> bool:
    """Count an outage of the provider; whether the lane is closed now."""
    try:
        outages = _redis().incr(_key(channel, "outages"))
        _redis().expire(_key(channel, "outages"), _MEMORY)
        if outages < OUTAGES_TO_CLOSE:
            return False
        if outages == OUTAGES_TO_CLOSE:
            logger.warning("lane closed", extra={"channel": channel})
        _redis().set(_key(channel, "blocked"), "outage", px=PROBE)
    except RedisError as error:
        _log(error)
        return False
    return True


def report_success(channel: Channel) -> None:
    """The provider answers: the lane is open."""
    try:
        if _redis().delete(_key(channel, "outages"), _key(channel, "blocked")):
            logger.warning("lane open", extra={"channel": channel})
    except RedisError as error:
        _log(error)


def pause(channel: Channel, duration: timedelta) -> None:
    """The provider wants fewer of us: nobody sends for so long."""
    try:
        _redis().set(_key(channel, "blocked"), "throttled", px=min(duration, _LONGEST_PAUSE))
    except RedisError as error:
        _log(error)


def _key(channel: Channel, what: str) -> str:
    return f"lane:{channel}:{what}"


def _redis() -> Redis:
    return redis_client.client(timeout=_TIMEOUT_SECONDS)


def _log(error: RedisError) -> None:
    logger.warning("lanes unknown, Redis is away", extra={"error": type(error).__name__})

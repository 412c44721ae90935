"""At most 20 sockets of one user, over all processes (spec §3).

A user's sockets are a sorted set in Redis, each with the time at which its lease ends. Living processes renew their
leases; those of a killed process run out, and with them the key. Redis gone: everybody gets a place.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from redis import RedisError

from preferences import redis_client
from preferences.respite import Respite

logger = logging.getLogger(__name__)

MOST_SOCKETS: Final = 20
LEASE_SECONDS: Final = 30
_TIMEOUT_SECONDS: Final = 0.5

# Answers 1 when the place was free. The clock is Redis' own.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

_RENEW = """
redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_respite: Final = Respite(seconds=redis_client.RESPITE_SECONDS)


@dataclass(frozen=True, slots=True)
class Place:
    """One of the user's MOST_SOCKETS places."""

    user_id: UUID
    id: str

    @property
    def key(self) -> str:
        """The set of this user's sockets."""
        return f"bell:sockets:{self.user_id.hex}"


def take(user_id: UUID) -> Place | None:
    """Take a place for LEASE_SECONDS, or return None when the user has no more."""
    place = Place(user_id, secrets.token_urlsafe(9))
    if _respite.lasts:
        return place
    try:
        is_free = _redis().eval(_TAKE, 1, place.key, place.id, str(MOST_SOCKETS), str(LEASE_SECONDS))
    except RedisError as error:
        _note(error)
        return place
    return place if is_free else None


def renew(places: Iterable[Place]) -> bool:
    """Keep the places for another LEASE_SECONDS, also those that Redis has forgotten; False when Redis is away."""
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            for place in places:
                pipeline.eval(_RENEW, 1, place.key, place.id, str(LEASE_SECONDS))
            pipeline.execute()
    except RedisError as error:
        _note(error)
        return False
    return True


def give_back(place: Place) -> None:
    """Let another socket of the user have the place."""
    if _respite.lasts:
        return
    try:
        _redis().zrem(place.key, place.id)
    except RedisError as error:
        _note(error)


def _note(error: RedisError) -> None:
    _respite.begin()
    logger.debug("sockets are not counted, Redis is away", extra={"error": type(error).__name__})


def _redis() -> Any:
    return redis_client.client(timeout=_TIMEOUT_SECONDS)

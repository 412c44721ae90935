"""The synchronous connections to Redis that one process shares."""

import time
from functools import cache
from typing import Final

from django.conf import settings
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

_RESPITE_SECONDS: Final = 1.0
_POOL_SIZE: Final = 50
_POOL_WAIT_SECONDS: Final = 1


def client(*, timeout: float) -> "Redis":
    """Return the process's client for `REDIS_URL` whose calls wait no longer than `timeout` (seconds) for an answer.

    Its calls raise `redis.RedisError` when Redis is away.
    """
    return _client(settings.REDIS_URL, timeout)


@cache
def _client(url: str, timeout: float) -> "Redis":
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_POOL_SIZE,
        timeout=_POOL_WAIT_SECONDS,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # One more try replaces a connection that died in the pool. Never after a timeout: the first may count.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis(connection_pool=pool)


class Respite:
    """Leaves Redis alone for a moment after a failure: else everybody waits for its timeout, one after the other."""

    def __init__(self) -> None:
        self._ends_at = 0.0

    @property
    def lasts(self) -> bool:
        """Whether to do without Redis just now."""
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        """Redis has failed."""
        self._ends_at = time.monotonic() + _RESPITE_SECONDS

"""The synchronous connections to Redis that one process shares."""

from functools import cache
from typing import Final

from django.conf import settings
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

#: How long whoever can do without Redis leaves it alone after a failure (preferences/respite.py).
RESPITE_SECONDS: Final = 1.0
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

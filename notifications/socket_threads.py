"""Threads in which sockets wait for PostgreSQL and Redis, so that the event loop never does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from channels.db import database_sync_to_async

P = ParamSpec("P")
R = TypeVar("R")

#: Fewer than the process has database connections, so that a rush of sockets leaves some for REST.
_THREADS: Final = 4

_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sockets")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what waits; its database connection goes back to the pool at the end.

    Channels' default is one thread for all sockets of the process.
    """
    call: Any = database_sync_to_async(function, thread_sensitive=False, executor=_threads)
    result: R = await call(*args, **kwargs)
    return result

"""Threads in which sockets wait for PostgreSQL, Redis and the Auth Service, so that the event loop never does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from channels.db import database_sync_to_async

P = ParamSpec("P")
R = TypeVar("R")

#: Fewer than the process has database connections, so that a rush of sockets leaves some for REST.
_THREADS: Final = 4

#: Apart from those: a slow Auth Service must keep neither flag and switch nor the open sockets waiting.
_TOKEN_THREADS: Final = 16

_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sockets")
_token_threads = ThreadPoolExecutor(_TOKEN_THREADS, thread_name_prefix="tokens")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what waits; its database connection goes back to the pool at the end.

    Channels' default is one thread for all sockets of the process.
    """
    call: Any = database_sync_to_async(function, thread_sensitive=False, executor=_threads)
    result: R = await call(*args, **kwargs)
    return result


async def in_token_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what may wait for the Auth Service, and never for PostgreSQL: nobody would give its connection back."""
    return await asyncio.get_running_loop().run_in_executor(_token_threads, partial(function, *args, **kwargs))

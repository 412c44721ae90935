"""A subscribing connection to Redis that comes back by itself, and knows when it had been away."""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import AsyncIterator
from typing import Any, Final

from channels_redis.pubsub import RedisSingleShardConnection
from channels_redis.utils import create_pool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

logger = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 5.0
_PING_EVERY_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 1.0
_ARGUMENTS_PER_COMMAND: Final = 500


class SteadyConnection(RedisSingleShardConnection):  # type: ignore[misc]
    """The connection to one Redis, in the place of the stock layer's.

    Redis answers a connection's commands in their order, so the answer to a PING says that what was asked before it
    is in force. That fence also finds a connection that died without a word. redis-py would connect anew in silence;
    here a connection breaks once and for good, so that nobody misses that something was missed.
    """

    def __init__(self, host: Any, channel_layer: Any) -> None:
        super().__init__(host, channel_layer)
        self.is_away = False
        self._wanted: set[str] = set()
        self._in_force: set[str] = set()
        self._changes: set[str] = set()  # what may differ between the two
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()  # set when the changes so far are in force, or Redis is away
        self._answered = asyncio.Event()
        self._has_heard = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._keeper: asyncio.Task[None] | None = None

    async def subscribe(self, channel: str) -> None:
        """Return when messages to `channel` reach us; or, with Redis away, at once, and a resync follows."""
        self._wanted.add(channel)
        if channel in self._in_force:
            return
        settled = self._note_change(channel)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected())
        if not self.is_away:
            await settled.wait()

    async def unsubscribe(self, channel: str) -> None:
        """Stop listening to `channel` soon."""
        if channel in self._wanted:
            self._wanted.remove(channel)
            self._note_change(channel)

    async def flush(self) -> None:
        """Forget everything and let go of Redis."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        self._wanted.clear()
        self._in_force.clear()
        self._changes.clear()
        await super().flush()

    def _note_change(self, channel: str) -> asyncio.Event:
        self._changes.add(channel)
        self._changed.set()
        return self._settled

    async def _keep_connected(self) -> None:
        while True:
            try:
                async with _connected(self.host) as connection, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(connection))
                    tasks.create_task(self._follow_wishes(connection))
            except* Exception as lost:  # whatever it was: without this loop no bell of the process rings
                self._lose(lost.exceptions[0])
            await asyncio.sleep(random.uniform(0.5, 1) * self._pause)  # nosec B311 # noqa: S311 - no secret
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    async def _listen(self, connection: Any) -> None:
        while True:
            answer = await connection.read_response(timeout=math.inf)
            self._has_heard = True
            match answer:
                case [b"message", name, data]:
                    await self.channel_layer.pass_on(name.decode(), data)
                case [b"subscribe" | b"unsubscribe", *_]:
                    pass
                case _:  # to a PING; its form depends on whether we subscribe to anything
                    self._answered.set()

    async def _follow_wishes(self, connection: Any) -> None:
        self._changes = set(self._wanted)
        while True:
            await self._settle_changes(connection)
            if self.is_away:
                self._return()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PING_EVERY_SECONDS):
                    await self._changed.wait()

    async def _settle_changes(self, connection: Any) -> None:
        """Return when all changes so far are in force."""
        settled, self._settled = self._settled, asyncio.Event()
        changes, self._changes = self._changes, set()
        self._changed.clear()
        try:
            await self._make_changes(connection, changes)
        finally:
            settled.set()

    async def _make_changes(self, connection: Any, changes: set[str]) -> None:
        joined = (changes & self._wanted) - self._in_force
        left = (changes & self._in_force) - self._wanted
        self._in_force -= left
        await _send(connection, "UNSUBSCRIBE", list(left))
        await _send(connection, "SUBSCRIBE", list(joined))
        self._answered.clear()
        await _send(connection, "PING", ["fence"])
        while not self._answered.is_set():
            await self._hear_something()
        self._in_force |= joined

    async def _hear_something(self) -> None:
        """Wait for the answer to our PING, as long as messages come in before it. Raises TimeoutError."""
        self._has_heard = False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._answered.wait()
        except TimeoutError:
            if not self._has_heard:
                raise

    def _lose(self, error: BaseException) -> None:
        if not self.is_away:
            logger.warning("channel layer lost Redis", extra={"error": type(error).__name__})
        self.is_away = True
        self._in_force.clear()
        settled, self._settled = self._settled, asyncio.Event()
        settled.set()

    def _return(self) -> None:
        logger.warning("channel layer has Redis back", extra={"groups": len(self._in_force)})
        self.is_away = False
        self._pause = _FIRST_PAUSE_SECONDS
        self.channel_layer.resync()


@contextlib.asynccontextmanager
async def _connected(host: dict[str, Any]) -> AsyncIterator[Any]:
    """A connection outside of any pool, with no wish to connect anew. Raises RedisError or OSError."""
    pool = create_pool(
        {
            **host,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": _ANSWER_SECONDS,
        }
    )
    connection = pool.make_connection()
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.disconnect(nowait=True)


async def _send(connection: Any, command: str, arguments: list[str]) -> None:
    for start in range(0, len(arguments), _ARGUMENTS_PER_COMMAND):
        if not connection.is_connected:
            raise RedisConnectionError("lost")
        some = arguments[start : start + _ARGUMENTS_PER_COMMAND]
        await connection.send_command(command, *some, check_health=False)

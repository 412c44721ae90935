"""The channel layer of the bell: channels_redis' pubsub layer, with a connection that survives Redis.

The stock layer logs a traceback a second while Redis is away, refuses new sockets, and has an `on_reconnect` that is
never called. Here sockets stay open, new ones are welcome, and all hear a `bell.resync` once their groups are in
force again (spec §3). Names and messages in Redis are those of the stock layer.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Final

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close, decode_hosts

from delivery.transports.steady_connection import SteadyConnection

RESYNC: Final = {"type": "bell.resync"}
#: Whoever rings bells leaves Redis alone for redis_client.RESPITE_SECONDS after a call that failed or hung. What is
#: stored meanwhile rings nowhere, so a bell that asked before the end of that moment would miss it.
RESYNC_AFTER_SECONDS: Final = 3.0
RESYNC_SPREAD_SECONDS: Final = 5.0
#: A socket that leaves more messages than this unread gets a resync in their place.
MOST_WAITING: Final = 500
_LAGGING: Final = 32  # messages that wait for one socket
_TURNS: Final = 4  # of the event loop: enough for a socket to send a message


class BellChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """The layer that settings.CHANNEL_LAYERS names; each event loop has its own BellLoopLayer."""

    def _get_layer(self) -> "BellLoopLayer":
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            self._layers[loop] = BellLoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)  # as the stock layer does, which names its own loop layer in this place
        layer: BellLoopLayer = self._layers[loop]
        return layer


class BellLoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    """Carries groups from Redis to the sockets of this process.

    A socket's own channel exists in this process only, which saves Redis a subscription a socket: `send` to a channel
    from elsewhere reaches nobody.
    """

    def __init__(self, hosts: Any = None, **options: Any) -> None:
        super().__init__(hosts, **options)
        self._resync = self.channel_layer.serialize(RESYNC)
        self._shards = [SteadyConnection(host, self) for host in decode_hosts(hosts)]

    def tell(self, channel: str, message: Mapping[str, Any]) -> None:
        """Hand a message to a socket of this process."""
        self._put(channel, self.channel_layer.serialize(message))

    async def pass_on(self, name: str, data: bytes) -> None:
        """Hand what Redis sent to a group to each of its sockets.

        Reading is faster than sending. In a burst, sockets that lag are given time, while Redis holds the rest; one
        that is stuck keeps nobody waiting.
        """
        waiting = [self._put(channel, data) for channel in self.groups.get(name, ())]
        if max(waiting, default=0) >= _LAGGING:
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def resync(self) -> None:
        """Tell every socket that messages may have been lost, in a while, spread over RESYNC_SPREAD_SECONDS."""
        loop = asyncio.get_running_loop()
        for channel in self.channels:
            delay = RESYNC_AFTER_SECONDS + random.uniform(0, RESYNC_SPREAD_SECONDS)  # nosec B311 # noqa: S311 - no secret
            loop.call_later(delay, self._put, channel, self._resync)

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = asyncio.Queue()

    def _put(self, channel: str, data: bytes) -> int:
        """Return how many messages wait for the socket now."""
        waiting: asyncio.Queue[bytes] | None = self.channels.get(channel)
        if waiting is None:
            return 0
        if waiting.qsize() >= MOST_WAITING:
            _empty(waiting)
            data = self._resync
        waiting.put_nowait(data)
        return waiting.qsize()


def _empty(waiting: "asyncio.Queue[bytes]") -> None:
    while not waiting.empty():
        waiting.get_nowait()

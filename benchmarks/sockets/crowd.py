"""Holds open sockets, in a process of its own, and does what the harness says over a connection of theirs.

`python -m benchmarks.sockets.crowd ADDRESS SOURCE`: the harness listens at ADDRESS, and the sockets come from the
loopback address SOURCE, since one address has no more than 28,000 ports to open them from.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from typing import Any, Final

import orjson
import uvloop

from benchmarks.sockets import remote
from benchmarks.sockets.orders import Heard, Opened, Opening
from benchmarks.sockets.wire import Socket, handshake

_AT_ONCE: Final = 32  # handshakes under way
_PATIENCE: Final = 30.0  # seconds, for the first message of a socket
_CLOSE_PATIENCE: Final = 120.0  # for the end of all


class Crowd:
    """The sockets of this process. Its methods are called by the harness, by name."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._sockets: list[Socket] = []
        self._heard: dict[str, Heard] = {}

    async def open(self, opening: Opening) -> Opened:
        """Open the sockets on a fixed schedule, as fast as the server lets them in at most."""
        loop = asyncio.get_running_loop()
        turns, began = asyncio.Semaphore(_AT_ONCE), loop.time()
        dues = [began + number / opening.per_second for number in range(len(opening.tokens))]
        attempts = [
            self._open(opening.host, token, due, turns) for token, due in zip(opening.tokens, dues, strict=True)
        ]
        ends = await asyncio.gather(*attempts, return_exceptions=True)
        seconds = [end for end in ends if isinstance(end, float)]
        return Opened(seconds, [f"{type(end).__name__}: {end}" for end in ends if isinstance(end, BaseException)])

    async def _open(self, host: str, token: str, due: float, turns: asyncio.Semaphore) -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(due - loop.time())
        async with turns:
            began = loop.time()
            name, _, port = host.partition(":")
            _, socket = await loop.create_connection(
                lambda: Socket(handshake(host, token), self._hear), name, int(port), local_addr=(self._source, 0)
            )
            first = orjson.loads(await asyncio.wait_for(socket.opened, _PATIENCE))
            if first["type"] != "hello":
                raise ConnectionError(f"the socket said {first['type']} instead of hello")
            self._sockets.append(socket)
            return loop.time() - began

    def _hear(self, text: bytes) -> None:
        now = time.monotonic()
        message = orjson.loads(text)
        name = message["notification"]["resource"]["id"] if message["type"] == "notification" else message["type"]
        known = self._heard.get(name)
        self._heard[name] = Heard(1, now, now) if known is None else Heard(known.times + 1, known.first_at, now)

    async def heard(self) -> dict[str, Heard]:
        """Return what came out of the sockets since the last question."""
        heard, self._heard = self._heard, {}
        return heard

    async def still_open(self) -> int:
        """Return how many sockets nobody has closed."""
        return sum(not socket.closed.done() for socket in self._sockets)

    async def wait_closed(self) -> Counter[int | None]:
        """Return how many sockets ended with which code, once all have ended. Raises TimeoutError."""
        sockets, self._sockets = self._sockets, []
        async with asyncio.timeout(_CLOSE_PATIENCE):
            return Counter(await asyncio.gather(*(socket.closed for socket in sockets)))

    async def close(self) -> Counter[int | None]:
        """Close all sockets, and return what `wait_closed` does."""
        for socket in self._sockets:
            socket.close()
        return await self.wait_closed()


def main() -> None:
    """Serve the harness until it hangs up."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    crowd = Crowd(sys.argv[2])

    def method(name: str) -> remote.Method:
        work: Any = getattr(crowd, name)
        return lambda *arguments: asyncio.run_coroutine_threadsafe(work(*arguments), loop).result()

    remote.serve(sys.argv[1], method)


if __name__ == "__main__":
    main()

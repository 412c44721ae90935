"""The open bells: one WebSocket a user, and when each event's message came out of it."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol, Self

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

_CONNECTING_AT_ONCE: Final = 16
_CONNECT_PATIENCE: Final = 60.0  # seconds


class Hearer(Protocol):
    """Who is told what came out of the sockets."""

    @property
    def name(self) -> str:
        """Of the traffic whose events are told; others are passed over."""

    def add(self, event_id: str, received_at: float) -> None:
        """Note that a socket received this event (monotonic)."""


class Inflow:
    """What came of the events of one traffic: for each, the monotonic times at which a socket received it."""

    def __init__(self, name: str, *, expected: int) -> None:
        self.name = name
        self.times: dict[str, list[float]] = defaultdict(list)
        self._expected = expected
        self._complete = threading.Event()
        self.latest = time.monotonic()

    def add(self, event_id: str, received_at: float) -> None:
        """Note that a socket received this event."""
        self.times[event_id].append(received_at)
        self.latest = received_at
        if len(self.times) >= self._expected:
            self._complete.set()

    def wait(self, *, patience: float) -> bool:
        """Wait for every event; False when nothing more came for `patience` seconds."""
        called = time.monotonic()
        while (left := max(called, self.latest) + patience - time.monotonic()) > 0:
            if self._complete.wait(timeout=left):
                return True
        return False


class Subscribers:
    """Sockets read by an event loop in a thread of its own. They offer compression, as browsers do."""

    def __init__(self, websocket_url: str, tokens: Sequence[str]) -> None:
        self._url = websocket_url
        self._tokens = tokens
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="subscribers", daemon=True)
        self._sockets: list[ClientConnection] = []
        self._readers: list[asyncio.Task[None]] = []
        self._inflow: Hearer = Inflow("", expected=1)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open_all()).result(timeout=_CONNECT_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close_all()).result(timeout=_CONNECT_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def watch(self, name: str, *, expected: int) -> Inflow:
        """Begin to note the events of the traffic with this name; others are passed over from now on."""
        inflow = Inflow(name, expected=expected)
        self._inflow = inflow
        return inflow

    def tell(self, inflow: Hearer) -> None:
        """Begin to tell another one instead; it is called in the loop of the sockets."""
        self._inflow = inflow

    def _run(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open_all(self) -> None:
        turns = asyncio.Semaphore(_CONNECTING_AT_ONCE)
        await asyncio.gather(*(self._open(token, turns) for token in self._tokens))

    async def _open(self, token: str, turns: asyncio.Semaphore) -> None:
        async with turns:
            socket = await connect(
                self._url, additional_headers={"Authorization": f"Bearer {token}"}, ping_interval=None
            )
            hello = orjson.loads(await socket.recv())
        if hello["type"] != "hello":
            raise RuntimeError(f"the socket said {hello['type']} instead of hello")
        self._sockets.append(socket)
        self._readers.append(asyncio.create_task(self._read(socket)))

    async def _close_all(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*(socket.close() for socket in self._sockets))

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            received_at = time.monotonic()
            message = orjson.loads(text)
            if message["type"] == "notification":
                self._note(message["notification"]["resource"]["id"], received_at)

    def _note(self, event_id: str, received_at: float) -> None:
        if event_id.startswith(f"{self._inflow.name}-"):
            self._inflow.add(event_id, received_at)

"""The open bells: one socket a person, which comes back by itself and asks for what it missed, as the real one does."""

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from drills.listing import Listing, Notification

_CONNECTING_AT_ONCE: Final = 16
_PATIENCE: Final = 60.0  # seconds
# As in notifications/static/notifications/backoff.js and socket.js.
_BACKOFF_BASE: Final = 2.0
_BACKOFF_CAP: Final = 30.0
_STEADY: Final = 10.0
_AGAIN_AFTER: Final = 10.0  # as in inbox.js, after a resume that was refused


class Bells:
    """Sockets read by an event loop in a thread of its own. All times are monotonic."""

    def __init__(self, websocket_url: str, tokens: Sequence[str], listing: Listing) -> None:
        self._url = websocket_url
        self._tokens = tokens
        self._listing = listing
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bells", daemon=True)
        self._turns = asyncio.Semaphore(_CONNECTING_AT_ONCE)
        self._keepers: list[asyncio.Task[None]] = []
        self._later: set[asyncio.Task[None]] = set()
        self.first_heard: dict[str, float] = {}  # by notification id
        self.event_of: dict[str, str] = {}  # the event of each notification
        self.shown: dict[int, set[str]] = defaultdict(set)  # by the bell's number: the notifications that it knows
        self.rings: Counter[str] = Counter()  # how often each was pushed
        self.open: set[int] = set()
        self.turned: dict[str, dict[int, float]] = defaultdict(dict)  # "disabled" and "enabled": when whose bell heard
        self.reconnects = 0
        self.resyncs = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start()).result(timeout=_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop()).result(timeout=_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def number(self) -> int:
        """How many there are, open or not."""
        return len(self._tokens)

    @property
    def are_open(self) -> bool:
        """Whether every bell has been greeted, and not been cut off since."""
        return len(self.open) == self.number

    @property
    def rung_twice(self) -> int:
        """How many rings were one too many; a bell drops them, since it knows the id."""
        return sum(count - 1 for count in self.rings.values())

    def forget_turns(self) -> None:
        """Begin anew to note who hears `disabled` and `enabled`."""
        self.turned.clear()

    def _run(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        self._keepers = [
            asyncio.create_task(self._keep_open(number, token)) for number, token in enumerate(self._tokens)
        ]

    async def _stop(self) -> None:
        tasks = (*self._keepers, *self._later)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listing.close()

    async def _keep_open(self, number: int, token: str) -> None:
        """Hold one socket; when it is cut off, come back with full jitter."""
        attempt, latest = 0, _Latest()
        while True:
            opened_at = time.monotonic()
            try:
                async with self._turns:
                    socket = await self._connect(token)
                async with socket:
                    await self._listen(number, socket, latest)
            except (OSError, WebSocketException):
                pass
            finally:
                was_open = number in self.open
                self.open.discard(number)
            self.reconnects += was_open
            attempt = 0 if was_open and time.monotonic() - opened_at > _STEADY else attempt + 1
            await asyncio.sleep(_full_jitter(max(0, attempt - 1)))

    async def _connect(self, token: str) -> ClientConnection:
        return await connect(self._url, additional_headers={"Authorization": f"Bearer {token}"}, ping_interval=None)

    async def _listen(self, number: int, socket: ClientConnection, latest: "_Latest") -> None:
        async for text in socket:
            heard_at = time.monotonic()
            message = orjson.loads(text)
            match message["type"]:
                case "hello":
                    self.open.add(number)
                    await _resume(socket, latest)
                case "notification":
                    self.rings[message["notification"]["id"]] += 1
                    self._note(number, message["notification"], heard_at, latest)
                case "missed":
                    if message["has_more"]:
                        self._do_later(self._read_list(number, latest.unanswered, latest))
                    latest.unanswered = ""
                    for notification in message["notifications"]:
                        self._note(number, notification, heard_at, latest)
                case "error" if latest.unanswered:  # too often, or no PostgreSQL
                    self._do_later(_resume_later(socket, latest))
                case "resync":
                    self.resyncs += 1
                    await _resume(socket, latest)
                case "disabled" | "enabled" as turn:
                    self.turned[turn].setdefault(number, heard_at)
                    if turn == "enabled":
                        await _resume(socket, latest)

    async def _read_list(self, number: int, after: str, latest: "_Latest") -> None:
        async for notification in self._listing.down_to(after, self._tokens[number]):
            self._note(number, notification, time.monotonic(), latest)

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _note(self, number: int, notification: Notification, heard_at: float, latest: "_Latest") -> None:
        id_ = notification["id"]
        self.shown[number].add(id_)
        if id_ not in self.first_heard:
            self.event_of[id_] = notification["resource"]["id"]
            self.first_heard[id_] = heard_at
        latest.hear(notification)


class _Latest:
    """The notification that was stored last of those a bell knows, and the one behind which it has asked without an
    answer, or empty.

    What comes live meanwhile moves the first and not the second, or a refused question would lose what lies between.
    """

    def __init__(self) -> None:
        self.unanswered = ""
        self._place = (datetime.min.replace(tzinfo=UTC), "")  # in the order of the list

    @property
    def id(self) -> str:
        return self._place[1]

    def hear(self, notification: Notification) -> None:
        place = datetime.fromisoformat(notification["created_at"]), notification["id"]
        self._place = max(self._place, place)


async def _resume(socket: ClientConnection, latest: _Latest) -> None:
    latest.unanswered = latest.unanswered or latest.id
    if latest.unanswered:
        await socket.send(orjson.dumps({"type": "resume", "after": latest.unanswered}).decode())


async def _resume_later(socket: ClientConnection, latest: _Latest) -> None:
    await asyncio.sleep(_AGAIN_AFTER)
    with contextlib.suppress(WebSocketException):  # a new socket asks by itself
        await _resume(socket, latest)


def _full_jitter(attempt: int) -> float:
    longest: float = min(_BACKOFF_CAP, _BACKOFF_BASE * 2**attempt)
    return random.uniform(0, longest)  # noqa: S311 - spreads load

"""What every open socket of the process needs once a second, in one task for all."""

import asyncio
import logging
import time
from typing import Final, Protocol

from django.db import DatabaseError, InterfaceError

from notifications.sockets import places
from notifications.sockets.revocation import CheckedSocket, RevocationWatch
from notifications.sockets.threads import in_thread
from notifications.sockets.turns import TurningSocket, Turns
from preferences import rollout
from preferences.rollout import Rollout
from telemetry import metrics
from telemetry.metric_catalog import Metric

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 1.0
_RENEW_EVERY_SECONDS: Final = places.LEASE_SECONDS / 3


class WatchedSocket(CheckedSocket, TurningSocket, Protocol):
    """A socket as the watch sees it."""

    place: places.Place


class SocketWatch:
    """Looks after the open sockets: expired and revoked tokens, flag and switch, their places among the user's."""

    def __init__(self) -> None:
        self._sockets: dict[WatchedSocket, float] = {}  # each with when to renew its place (monotonic)
        self._rollout: Rollout | None = None  # as all sockets know it
        self._task: asyncio.Task[None] | None = None
        self._revocations = RevocationWatch()
        self._turns = Turns()
        self._is_troubled = False

    def add(self, socket: WatchedSocket) -> None:
        """Look after the socket from now on."""
        self._sockets[socket] = 0.0  # soon: Redis may have been away when it took its place
        self._rollout = None  # it may have turned since the socket was admitted
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    def remove(self, socket: WatchedSocket) -> None:
        """Forget the socket, if it was known."""
        self._sockets.pop(socket, None)
        self._turns.forget(socket)

    async def _watch(self) -> None:
        while self._sockets:
            await asyncio.sleep(_EVERY_SECONDS)
            metrics.gauge(Metric.SOCKETS_OPEN, len(self._sockets))
            try:
                await self._look()
                self._is_troubled = False
            except Exception as error:  # whatever it is, the sockets still need their watch
                self._log_trouble(error)
        metrics.gauge(Metric.SOCKETS_OPEN, 0)
        self._task = None

    async def _look(self) -> None:
        self._expire()
        await self._renew_places()
        await self._tell_turned()
        self._revocations.look(self._sockets)

    def _expire(self) -> None:
        now = time.time()
        for socket in self._sockets:
            if socket.expires_at <= now:
                socket.expire()

    async def _renew_places(self) -> None:
        now = time.monotonic()
        due = [socket for socket, renew_at in self._sockets.items() if renew_at <= now]
        if not await in_thread(places.renew, [socket.place for socket in due]):
            return
        for socket in due:
            if socket in self._sockets:
                self._sockets[socket] = now + _RENEW_EVERY_SECONDS
            else:  # it left meanwhile, perhaps before its place was renewed
                await in_thread(places.give_back, socket.place)

    async def _tell_turned(self) -> None:
        current = await in_thread(rollout.current)
        if current == self._rollout:
            return
        self._rollout = current
        self._turns.tell(self._sockets, current)

    def _log_trouble(self, error: Exception) -> None:
        """Say it once. That PostgreSQL is away needs no traceback."""
        if not self._is_troubled:
            is_surprise = not isinstance(error, (DatabaseError, InterfaceError))
            logger.warning(
                "socket watch goes on after an error", extra={"error": type(error).__name__}, exc_info=is_surprise
            )
        self._is_troubled = True

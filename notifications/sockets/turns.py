"""Tells open bells that the flag or the kill switch has turned for their users (spec §3, `disabled` and `enabled`)."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

from preferences.rollout import Rollout

#: A bell that comes back asks for what it missed: after the kill switch all of them do.
RETURNS_PER_SECOND: Final = 500
#: However many they are, none waits longer; as after a resync.
LONGEST_SPREAD_SECONDS: Final = 5.0


class TurningSocket(Protocol):
    """A socket by what its bell has been told."""

    user_id: UUID
    is_enabled: bool

    def turn(self, *, is_enabled: bool) -> None:
        """The flag or the switch has turned for its user."""


class Turns:
    """Bells hide at once, and come back one by one. Lives on one event loop."""

    def __init__(self) -> None:
        self._returning: dict[TurningSocket, asyncio.TimerHandle] = {}

    def tell(self, sockets: Iterable[TurningSocket], current: Rollout) -> None:
        """Tell those sockets that know otherwise; who was about to return and may not any more stays hidden."""
        coming = []
        for socket in sockets:
            shows = current.shows_bell(socket.user_id)
            if not shows or socket.is_enabled:
                self.forget(socket)
            if not shows and socket.is_enabled:
                socket.turn(is_enabled=False)
            elif shows and not socket.is_enabled and socket not in self._returning:
                coming.append(socket)
        self._spread(coming)

    def forget(self, socket: TurningSocket) -> None:
        """Have it return no more, if it was about to."""
        if returning := self._returning.pop(socket, None):
            returning.cancel()

    def _spread(self, coming: Sequence[TurningSocket]) -> None:
        loop = asyncio.get_running_loop()
        spread = min(len(coming) / RETURNS_PER_SECOND, LONGEST_SPREAD_SECONDS)
        for socket in coming:
            delay = random.uniform(0, spread)  # nosec B311 # noqa: S311 - no secret
            self._returning[socket] = loop.call_later(delay, self._return, socket)

    def _return(self, socket: TurningSocket) -> None:
        del self._returning[socket]
        socket.turn(is_enabled=True)

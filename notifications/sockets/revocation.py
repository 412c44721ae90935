"""Asks the Auth Service about the tokens of open sockets again, when its last answers are too old (spec §2 "Auth").

While it is away a socket stays open until its token's own end. Its bearer was who the token says, and hears of nothing
but their own notifications; to close it would make an outage of the Auth Service one of all bells, and none could come
back before the outage is over.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from notifications.sockets.threads import in_token_thread
from preferences.authentication import AuthenticationUnavailable, InvalidToken, verify
from preferences.claims import Claims

#: Questions under way at once: half of the threads for tokens, so that newcomers find the others.
_AT_ONCE: Final = 8


class CheckedSocket(Protocol):
    """A socket by its token."""

    token: str
    expires_at: float  # seconds since the epoch
    ask_again_at: float  # monotonic seconds; never for a signed token

    def expire(self) -> None:
        """Its token holds no longer; said again until it is closed."""

    def renew(self, claims: Claims) -> None:
        """The Auth Service has said this of its token just now."""


class RevocationWatch:
    """Asks in rounds, one at a time. The answers end at different times, which spreads the questions."""

    def __init__(self) -> None:
        self._round: asyncio.Task[None] | None = None

    def look(self, sockets: Iterable[CheckedSocket]) -> None:
        """Begin a round about those that are due, unless one is under way. Raises what ended the last one."""
        if self._round is not None and not self._round.done():
            return
        last, self._round = self._round, None
        if last is not None:
            last.result()
        if due := _due(sockets):
            self._round = asyncio.create_task(_ask(due))


def _due(sockets: Iterable[CheckedSocket]) -> deque[CheckedSocket]:
    """Return those that are due, in no order: if one of them ends a round, it must not be the same one each time."""
    asked_until, expired_until = time.monotonic(), time.time()
    due = [socket for socket in sockets if socket.ask_again_at <= asked_until and socket.expires_at > expired_until]
    random.shuffle(due)
    return deque(due)


async def _ask(due: deque[CheckedSocket]) -> None:
    async with asyncio.TaskGroup() as questions:
        for _ in range(min(_AT_ONCE, len(due))):
            questions.create_task(_ask_one_by_one(due))


async def _ask_one_by_one(due: deque[CheckedSocket]) -> None:
    """Ask about what is left. Without an answer the round ends: who was not asked about is still due."""
    while due:
        socket = due.popleft()
        try:
            socket.renew(await in_token_thread(verify, socket.token))
        except InvalidToken:
            socket.expire()
        except AuthenticationUnavailable:
            due.clear()

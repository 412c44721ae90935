"""Whose bells could not be rung while Redis was away: they are told to ask, once it is back.

Web processes that lost Redis themselves tell their own sockets so (channel_layer.py). That reaches neither a socket
that was opened since, nor one whose process never lost it.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Final
from uuid import UUID

from redis import RedisError

logger = logging.getLogger(__name__)

#: More are not remembered: in a long outage web processes lose Redis too.
_MOST: Final = 20_000
#: 2,000 a second: each that has a bell open asks PostgreSQL.
_AT_ONCE: Final = 200
_PAUSE_SECONDS: Final = 0.1


class Unrung:
    """The users, and a thread that lives while there are any.

    `may_tell` says whether rings are tried again, `tell` has some users' bells ask; it raises RedisError.
    """

    def __init__(self, *, may_tell: Callable[[], bool], tell: Callable[[Collection[UUID]], None]) -> None:
        self._may_tell = may_tell
        self._tell = tell
        self._users: dict[UUID, None] = {}  # the latest last
        self._lock = threading.Lock()
        self._is_telling = False
        self._pause = threading.Event()  # never set

    def note(self, user_ids: Iterable[UUID]) -> None:
        """Remember these users; what they missed is committed."""
        with self._lock:
            self._remember(user_ids)
            if not self._users or self._is_telling:
                return
            self._is_telling = True
        threading.Thread(target=self._run, name="unrung-bells", daemon=True).start()

    def forget(self) -> None:
        """Tell nobody."""
        with self._lock:
            self._users.clear()

    def _run(self) -> None:
        while self._has_any():
            self._pause.wait(_PAUSE_SECONDS)
            if self._may_tell():
                self._tell_some()

    def _has_any(self) -> bool:
        with self._lock:
            self._is_telling = bool(self._users)
            return self._is_telling

    def _tell_some(self) -> None:
        """Tell some of those who were not rung before rings were tried again; keep them when that fails."""
        with self._lock:
            users = list(islice(self._users, _AT_ONCE))
            for user_id in users:
                del self._users[user_id]
        try:
            self._tell(users)
        except RedisError as error:
            logger.debug("bells not told to ask", extra={"error": type(error).__name__})
            with self._lock:
                self._remember(users)

    def _remember(self, user_ids: Iterable[UUID]) -> None:
        for user_id in user_ids:
            self._users.pop(user_id, None)
            self._users[user_id] = None
        for user_id in list(islice(self._users, max(0, len(self._users) - _MOST))):
            del self._users[user_id]

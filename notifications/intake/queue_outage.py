"""What the log hears of a queue that is away: the intake's receivers ask it in vain several times a second.

Beat, which calls for work every few seconds, tells of it in the same way.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

REMIND_SECONDS: Final = 30


class QueueOutage:
    """One for all who ask a queue. Says when an outage begins, how long it has lasted, and when it is over.

    "unreachable" is said every REMIND_SECONDS at most, even of a queue that comes and goes; an outage of which nothing
    was said ends in silence too. `clock` gives monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._is_known = False  # to the log
        self._told_at = -math.inf

    def failed(self, error: Exception) -> None:
        """Note that the queue did not answer."""
        with self._lock:
            now = self._clock()
            if self._began_at is None:
                self._began_at = now
            if now - self._told_at < REMIND_SECONDS:
                return
            self._told_at = now
            self._is_known = True
            lasted = round(now - self._began_at)
        logger.warning("queue unreachable", extra={"error": type(error).__name__, "lasted_seconds": lasted})

    def answered(self) -> None:
        """Note that the queue did answer."""
        if self._began_at is None:  # as after nearly every poll: no lock for that
            return
        with self._lock:
            began_at, is_known = self._began_at, self._is_known
            self._began_at, self._is_known = None, False
            if began_at is None or not is_known:
                return
            lasted = round(self._clock() - began_at)
        logger.warning("queue answers again", extra={"lasted_seconds": lasted})

"""One chunk's way into its lane: asked once for several sends, and closed at once by what the chunk itself hears.

A question costs a round trip to Redis. What this chunk hears of its provider counts for it without one; what other
workers hear reaches it within LOOK_AGAIN.
"""

import time
from datetime import timedelta
from typing import Final

from django.db import InterfaceError, OperationalError, connection

from delivery import lanes, outcomes
from delivery.errors import ProviderDown, Throttled
from delivery.transports.contract import Result
from preferences import rollout

#: How long a lane that was seen open is taken for open, and a provider that was told to be well for well.
LOOK_AGAIN: Final = timedelta(milliseconds=250)


class Gate:
    """What one chunk knows of one lane."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._is_shut = False  # by what we have heard ourselves
        self._is_throttled = False
        self._open_until = 0.0  # monotonic, as everything here
        self._well_until = 0.0

    def lets_pass(self) -> bool:
        """Whether the switch and the lane let more go; without PostgreSQL nobody knows, and the switch may be on.

        The switch is asked each time: its own memory is settings.ROLLOUT_CACHE.
        """
        try:
            return not rollout.current().is_killed and not self._is_blocked()
        except (OperationalError, InterfaceError):
            connection.close()
            return False

    def hear(self, result: Result) -> None:
        """Let the lane know how its provider is."""
        match result.answer:
            case str():
                self._hear_success()
            case Throttled() as failure:
                lanes.pause(self._lane, outcomes.pause_of(failure))
                self._is_shut = self._is_throttled = True
            case ProviderDown():
                self._is_shut = lanes.report_outage(self._lane) or self._is_shut
                self._well_until = 0.0  # the next success has something to take back

    def _is_blocked(self) -> bool:
        if self._is_shut:
            return True
        if (now := time.monotonic()) >= self._open_until:
            self._is_shut = lanes.is_blocked(self._lane)
            self._open_until = now + LOOK_AGAIN.total_seconds()
        return self._is_shut

    def _hear_success(self) -> None:
        """Open the lane, unless this is no news: or the provider wants fewer of us, and this one had left before."""
        now = time.monotonic()
        if now >= self._well_until and not self._is_throttled:
            lanes.report_success(self._lane)
            self._well_until = now + LOOK_AGAIN.total_seconds()

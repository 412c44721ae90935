"""How fast an intake begins again after a release of the kill switch: what piled up comes in slowly (spec §7)."""

import math
import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from notifications.event_queue import Received
from preferences import release, rollout
from preferences.release import Ramp

#: A batch is no more than so long's worth of events, and as much of what was not used up is kept.
_AT_ONCE: Final = timedelta(seconds=0.5)


def events_in(body: str) -> int:
    """Return about how many events a message holds, at least one: each names its `specversion`."""
    return max(1, body.count('"specversion"'))


class Pace:
    """The ramp of one intake and its threads; without a release of late it hinders nobody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0.0  # events, of those that the ramp admits
        self._latest = timedelta()  # after the release

    @property
    def largest_batch(self) -> int:
        """How many messages to process together just now."""
        elapsed = rollout.since_release()
        rate = None if elapsed is None else _ramp().rate(elapsed)
        if rate is None:
            return int(settings.INTAKE_BATCH_MESSAGES)
        return min(math.ceil(rate * _AT_ONCE.total_seconds()), int(settings.INTAKE_BATCH_MESSAGES))

    def take(self, batch: Iterable[Received]) -> timedelta:
        """Take a place behind all others for what the switch has held; return how far away it is.

        What was sent since the release is live: it waits for what is before it in the queue, and for nothing else.
        """
        elapsed = rollout.since_release()
        if elapsed is None:
            return timedelta()
        released_at = timezone.now() - elapsed
        events = sum(events_in(received.body) for received in batch if received.sent_at < released_at)
        return self._place(events, elapsed) if events else timedelta()

    def _place(self, events: int, elapsed: timedelta) -> timedelta:
        ramp = _ramp()
        with self._lock:
            if elapsed < self._latest:  # another release
                self._taken = 0.0
            self._latest = elapsed
            # Nobody saves up: who was idle, or has just begun, starts where the ramp is.
            self._taken = max(self._taken, ramp.admitted(max(elapsed - _AT_ONCE, timedelta())))
            turn = ramp.moment_of(self._taken)
            self._taken += events
        return max(turn - elapsed, timedelta())


def _ramp() -> Ramp:
    return Ramp(release.EVENTS_PER_SECOND, settings.RELEASE_RAMP)

"""How fast work begins again once the kill switch is released (spec §7): slowly, and doubling until it is unhindered.

Pure. Whoever knows when the switch was released knows how fast to go, so all processes agree without asking anybody.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: From the start to the end of a ramp: from 1 to 1,024 times as fast, which no part of us is.
DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that begins with `start` a second and doubles ten times within `length`, after which it is no limit."""

    start: float
    length: timedelta

    @property
    def doubling(self) -> timedelta:
        """After how long it is twice as fast."""
        return self.length / DOUBLINGS

    def rate(self, elapsed: timedelta) -> float | None:
        """Return how many a second may go so long after the release; None: as many as there are."""
        if elapsed >= self.length:
            return None
        return float(self.start * 2 ** self._doublings(elapsed))

    def admitted(self, elapsed: timedelta) -> float:
        """Return how many may have gone by then in all; infinite once it is over."""
        if elapsed >= self.length:
            return math.inf
        return float(self._scale * (2 ** self._doublings(elapsed) - 1))

    def moment_of(self, count: float) -> timedelta:
        """Return how long after the release so many may have gone: the inverse of `admitted`."""
        if not self.length:
            return self.length
        return min(self.doubling * math.log2(1 + count / self._scale), self.length)

    def reaches(self, rate: float) -> timedelta:
        """Return how long after the release it is that fast."""
        return min(self.doubling * max(math.log2(rate / self.start), 0.0), self.length)

    @property
    def _scale(self) -> float:
        """The integral of a rate that doubles."""
        return self.start * self.doubling.total_seconds() / math.log(2)

    def _doublings(self, elapsed: timedelta) -> float:
        return max(elapsed, timedelta()) / self.doubling


#: Events a second of one intake and queue, a twelfth of what it can do: live events, which come between, are not late
#: for long, and a mistake that is still there shows on the first thousands.
EVENTS_PER_SECOND: Final = 200.0
#: Mails a second, and pushes a second, of all workers together.
DELIVERIES_PER_SECOND: Final = 10.0

"""How far the intake is behind: for whoever wonders where an event is, and for backfills, which make way for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from notifications.event_queue import EventQueue
from notifications.models import ReceivedEvent

#: Behind this, live events need the machine more than a backfill does.
MOST_BEHIND: Final = timedelta(seconds=5)
#: Over how many of the latest events, and how long ago at most, the rate is measured.
_LATEST: Final = 1_000
_RECENT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Lag:
    """What waits in the queue of events, and how fast it goes down."""

    waiting: int  # messages that nobody has yet
    in_flight: int  # messages that an intake has in hand
    per_second: float  # events accepted of late; 0: none within the last minutes

    @property
    def behind(self) -> timedelta | None:
        """About how long a message of now will wait; None when nothing moves. A packed message counts as one event."""
        if not self.waiting:
            return timedelta()
        return timedelta(seconds=self.waiting / self.per_second) if self.per_second else None

    @property
    def is_late(self) -> bool:
        """Whether live events wait longer than they should."""
        behind = self.behind
        return behind is None or behind > MOST_BEHIND


def measure(queue: EventQueue) -> Lag:
    """Ask the queue and the ledger. Raises what botocore does when the queue is away."""
    depth = queue.depth()
    return Lag(depth.waiting, depth.in_flight, events_per_second())


def events_per_second() -> float:
    """Return how many events were accepted a second of late, from the end of the ledger: no index but its key."""
    now = timezone.now()
    latest = ReceivedEvent.objects.order_by("-id").values_list("received_at", flat=True)[:_LATEST]
    recent = [received_at for received_at in latest if received_at > now - _RECENT]
    if not recent:
        return 0.0
    return len(recent) / max(1.0, (now - recent[-1]).total_seconds())


def give_way(queue: EventQueue, *, say: Callable[[Lag], None], pause_seconds: float = 1.0) -> None:
    """Wait until live events are no longer late; `say` hears of each look that finds them so."""
    while (lag := measure(queue)).is_late:
        say(lag)
        time.sleep(pause_seconds)

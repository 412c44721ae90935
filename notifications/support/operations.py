"""How the system is just now: one frozen snapshot for the operations page (spec §8).

No personal data, a handful of bounded queries, and one question to SQS and to Redis each. Where one of these is away,
its part is None and the rest is there, within the patience of queue_depths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone
from redis import RedisError
from waffle.models import Switch

from delivery import lanes
from delivery.lanes import Lane
from delivery.models import State
from delivery.transports.registry import OUTBOUND
from notifications import lag
from notifications.event_queue import RETENTION, Depth
from notifications.lag import Lag
from notifications.models import Backfill, Forecast
from notifications.support import backlog
from notifications.support.backlog import ByHttp, Failure, Refusal, Waiting
from notifications.support.queue_depths import Question
from preferences import rollout
from preferences.models import Flag

#: Every lane that a transport reports on: a channel's own only where no provider of its has one (delivery/attempts.py).
LANES: Final = tuple(
    lane
    for channel, outbound in OUTBOUND.items()
    for lane in [f"{channel}:{provider}" for provider in outbound.providers] or [channel.value]
)
_LISTED: Final = 20  # backfills and forecasts


@dataclass(frozen=True, slots=True)
class Controls:
    """The kill switch and the flag, as PostgreSQL has them."""

    killed_since: datetime | None  # None: released
    everyone: bool | None  # True or False overrides the rest; None asks the people named and the percentage
    percent: float

    @property
    def first_expiry(self) -> datetime | None:
        """When SQS begins to drop what came since the switch was turned on."""
        return self.killed_since and self.killed_since + RETENTION


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was found; None: cannot be asked."""

    taken_at: datetime
    controls: Controls
    events: Lag | None
    dead_letters: Depth | None
    workers: Mapping[str, Depth | None]  # by queue
    lanes: Sequence[Lane] | None
    sends_per_second: Mapping[str, float]  # of late, by channel; of one that cannot be asked, nothing
    by_http: ByHttp
    waiting: Sequence[Waiting]
    failures: Sequence[Failure]
    rejected: Sequence[Refusal]
    backfills: Sequence[Backfill]
    forecasts: Sequence[Forecast]

    def waiting_in(self, state: State) -> Sequence[Waiting]:
        """Return what waits in this state, by channel."""
        return [waiting for waiting in self.waiting if waiting.state == state]


def take() -> Snapshot:
    """Look at everything. Raises a DatabaseError when PostgreSQL is away, and nothing for the others."""
    events, dead = settings.EVENTS_QUEUE_NAME, f"{settings.EVENTS_QUEUE_NAME}-dlq"
    workers = [*settings.OUTBOUND_QUEUES.values(), settings.MAINTENANCE_QUEUE]
    question = Question([events, dead, *workers])  # answered while we ask the others
    found_lanes, sends_per_second = _lanes()
    per_second = lag.events_per_second()
    waiting, by_http = backlog.waiting()
    depths = question.answers()
    return Snapshot(
        taken_at=timezone.now(),
        controls=_controls(),
        events=_lag(depths[events], per_second),
        dead_letters=depths[dead],
        workers={name: depths[name] for name in workers},
        lanes=found_lanes,
        sends_per_second=sends_per_second,
        by_http=by_http,
        waiting=waiting,
        failures=backlog.failures(),
        rejected=backlog.rejected(),
        backfills=list(Backfill.objects.filter(finished_at=None, undone_at=None).order_by("-id")[:_LISTED]),
        forecasts=list(Forecast.objects.filter(finished_at=None).order_by("-id")[:_LISTED]),
    )


def _controls() -> Controls:
    switch = Switch.objects.filter(name=rollout.KILL_SWITCH, active=True).only("modified").first()
    flag = Flag.objects.filter(name=rollout.FLAG).only("everyone", "percent").first()
    return Controls(
        killed_since=switch.modified if switch else None,
        everyone=flag.everyone if flag else False,
        percent=float(flag.percent or 0) if flag else 0.0,
    )


def _lag(depth: Depth | None, per_second: float) -> Lag | None:
    return Lag(depth.waiting, depth.in_flight, per_second) if depth else None


def _lanes() -> tuple[Sequence[Lane] | None, Mapping[str, float]]:
    try:
        return [lanes.look(name) for name in LANES], {name: lanes.per_second(name) for name in OUTBOUND}
    except RedisError:
        return None, {}

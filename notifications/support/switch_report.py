"""What the kill switch holds, or would hold, and what its release would leave out: one frozen report (spec §7).

A handful of bounded queries, and one question to SQS and to Redis each; where one of these is away, its part is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone
from waffle.models import Switch

from delivery.transports import bell
from notifications import lag
from notifications.event_queue import Depth
from notifications.support import backlog
from notifications.support.backlog import LONGEST, ByHttp, Waiting
from notifications.support.queue_depths import Question, RetentionQuestion
from preferences import rollout
from preferences.catalog import CATALOG
from preferences.release import DELIVERIES_PER_SECOND, EVENTS_PER_SECOND, Ramp

_TURNS_LISTED: Final = 5
_TOO_SOON: Final = timedelta(seconds=10)  # to tell a rate by what has piled up
#: Measured on one core (spec §10): what an intake does once nothing hinders it.
FULL_SPEED: Final = 2_500.0


@dataclass(frozen=True, slots=True)
class Ages:
    """Deliveries of one channel and type that wait to be sent, as far as they were looked at."""

    channel: str  # of a release that was taken back, it may be none of ours
    type: str
    count: int
    stale: int  # too old to be sent, should the switch be released now
    next_stale_at: datetime | None  # when another one will be


@dataclass(frozen=True, slots=True)
class Turn:
    """Once that the switch was turned in the admin, or its note changed."""

    at: datetime
    by: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; None: cannot be asked."""

    taken_at: datetime
    is_on: bool
    turned_at: datetime
    queue: Depth | None
    retention: timedelta | None  # of a message in SQS, from when its producer sent it
    by_http: ByHttp
    accepted_per_second: float  # events, of late
    waiting: Sequence[Waiting]
    ages: Sequence[Ages]
    open_bells: int | None
    turns: Sequence[Turn]
    slow_until: datetime | None = None  # after a release: when nothing is held back any more

    @property
    def held_for(self) -> timedelta:
        """Return how long the switch has been on."""
        return self.taken_at - self.turned_at if self.is_on else timedelta()

    @property
    def messages(self) -> int | None:
        """Return how many messages and events wait, of both ways, as far as that is known."""
        return None if self.queue is None else self.queue.waiting + self.queue.in_flight + self.by_http.count

    @property
    def arriving_per_second(self) -> float | None:
        """Return about how many come in a second: while nothing is accepted, by what has piled up.

        None at first, since some were there before.
        """
        if not self.is_on:
            return self.accepted_per_second
        if self.messages is None or self.held_for < _TOO_SOON:
            return None
        return self.messages / self.held_for.total_seconds()

    @property
    def first_expiry(self) -> datetime | None:
        """Return when SQS begins to drop what is held from now, or has been since the switch turned on."""
        begun_at = self.turned_at if self.is_on else self.taken_at
        return None if self.retention is None else begun_at + self.retention

    @property
    def intake_time(self) -> timedelta | None:
        """Return how long one intake takes with what waits, once released."""
        return None if self.messages is None else _duration(self.messages)


def take() -> Report:
    """Look at everything. Raises a DatabaseError when PostgreSQL is away, and nothing for the others."""
    queue = settings.EVENTS_QUEUE_NAME
    depth, retention = Question([queue]), RetentionQuestion(queue)  # answered while we ask the others
    switch = Switch.objects.get(name=rollout.KILL_SWITCH)
    now = timezone.now()
    waiting, by_http = backlog.waiting()
    return Report(
        taken_at=now,
        is_on=switch.active,
        turned_at=switch.modified,
        by_http=by_http,
        accepted_per_second=lag.events_per_second(),
        waiting=waiting,
        ages=_ages(now),
        open_bells=bell.open_bells(),
        turns=_turns(switch),
        slow_until=switch.modified + settings.RELEASE_RAMP if rollout.since_release() is not None else None,
        queue=depth.answers()[queue],
        retention=retention.answer(),
    )


def events_ramp() -> Ramp:
    """Return how one intake begins again."""
    return Ramp(EVENTS_PER_SECOND, settings.RELEASE_RAMP)


def deliveries_ramp() -> Ramp:
    """Return how each channel begins again."""
    return Ramp(DELIVERIES_PER_SECOND, settings.RELEASE_RAMP)


def _duration(events: int) -> timedelta:
    """Return how long one intake takes: along its ramp, until that is faster than the intake is."""
    ramp = events_ramp()
    free = ramp.reaches(FULL_SPEED)
    by_then = ramp.admitted(free) if free else 0.0
    if events <= by_then:
        return ramp.moment_of(events)
    return free + timedelta(seconds=(events - by_then) / FULL_SPEED)


# The first rows alone, by the index of what is pending.
_AGES: Final = """
    SELECT channel, type, count(*), count(*) FILTER (WHERE stale_at <= %(now)s),
           min(stale_at) FILTER (WHERE stale_at > %(now)s)
    FROM (
        SELECT channel, type, occurred_at FROM deliveries WHERE state = 'pending' ORDER BY due_at LIMIT %(limit)s
    ) AS waiting
    LEFT JOIN json_to_recordset(%(ages)s) AS age (channel text, type text, seconds float) USING (channel, type)
    CROSS JOIN LATERAL (SELECT occurred_at + make_interval(secs => seconds) AS stale_at) AS life
    GROUP BY channel, type ORDER BY channel, type
"""


def _ages(now: datetime) -> Sequence[Ages]:
    values: dict[str, Any] = {"now": now, "limit": LONGEST, "ages": orjson.dumps(_max_ages()).decode()}
    with connection.cursor() as cursor:
        cursor.execute(_AGES, values)
        return [Ages(*row) for row in cursor]


def _max_ages() -> Sequence[Mapping[str, Any]]:
    return [
        {"channel": channel, "type": type_.name, "seconds": age.total_seconds()}
        for type_ in CATALOG.values()
        for channel, age in type_.max_age.items()
    ]


def _turns(switch: Switch) -> Sequence[Turn]:
    """Return who did what to the switch in the admin, the latest first; a log has few entries about switches."""
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Switch), object_id=str(switch.pk))
    latest = about.select_related("user").order_by("-id")[:_TURNS_LISTED]
    return [
        Turn(entry.action_time, entry.user.email or "somebody who is gone", entry.get_change_message())
        for entry in latest
    ]

"""What waits before the intake, and what fell out of the way, for whoever looks for one event among it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from notifications import lag, waiting_events
from notifications.event_queue import EventQueue
from notifications.lag import Lag
from notifications.tracing import clock
from notifications.tracing.clock import Clock
from notifications.waiting_events import Waiting
from preferences import choices, rollout

_KILLED: Final = "notifications are switched off for everybody"


@dataclass(frozen=True, slots=True)
class QueueReport:
    """What is not in the ledger yet; None where the queue on SQS could not be asked."""

    lag: Lag | None
    dead_letters: int | None
    waiting: Waiting  # in PostgreSQL, of the producers' fallback

    @property
    def has_messages(self) -> bool:
        """Whether the queue on SQS holds anything."""
        return self.lag is not None and bool(self.lag.waiting or self.lag.in_flight)


def ask() -> QueueReport:
    """Ask both queues and the dead letters; SQS may be away."""
    waiting = waiting_events.waiting()
    try:
        queue = EventQueue()
        measured = lag.measure(queue)
    except (ClientError, BotoCoreError):
        return QueueReport(None, None, waiting)
    try:
        return QueueReport(measured, queue.dead_letters().depth().waiting, waiting)
    except (ClientError, BotoCoreError):
        return QueueReport(measured, None, waiting)


def in_queue(measured: Lag) -> str:
    """Say how much waits on SQS, and why or how long."""
    if rollout.current().is_killed:
        there = _messages(measured.waiting + measured.in_flight)
        return f"{there} in the queue, and it may be among them; nothing moves, because {_KILLED}"
    if not measured.waiting:
        return f"{_messages(measured.in_flight)} just being taken in, and it may be among them"
    waits = f"{_messages(measured.waiting)} waiting in the queue, and it may be among them"
    if measured.behind is None:
        return f"{waits}; nothing moves, because the intake is down or cannot reach its database"
    return f"{waits}; the queue is about {_about(measured.behind)} behind"


def in_database(waiting: Waiting) -> str:
    """Say how much of the producers' fallback waits, and since when."""
    assert waiting.since is not None
    since = Clock(choices.DEFAULTS.zone).tell(waiting.since)
    have, them = ("has", "that one") if waiting.events == 1 else ("have", "among them")
    count = "1 event" if waiting.events == 1 else f"{waiting.events:,} events"
    told = f"{count} that came by POST /api/v1/events {have} been waiting to be taken in since {since}"
    return f"{told}, and it may be {them}{f'; nothing moves, because {_KILLED}' if rollout.current().is_killed else ''}"


def in_dead_letters(report: QueueReport) -> str:
    """Say how many messages nobody takes in any more; "" when there are none."""
    if not report.dead_letters:
        return "" if report.dead_letters == 0 else "The dead-letter queue cannot be asked at the moment."
    return (
        f"{_messages(report.dead_letters)} in the dead-letter queue, where nobody takes them in: it may be among them. "
        "An engineer puts them back with “manage.py redrive_dead_letters”."
    )


def _about(behind: timedelta) -> str:
    return clock.in_words(max(behind, timedelta(seconds=1)))


def _messages(count: int) -> str:
    return "1 message is" if count == 1 else f"{count:,} messages are"

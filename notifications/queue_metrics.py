"""How much waits in each queue, and for how long: told by beat to whoever watches (spec §7).

The figures are those of the operations page (notifications/support), so the two cannot disagree.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from delivery.models import State
from notifications import lag
from notifications.event_queue import Depth
from notifications.lag import Lag
from notifications.support import backlog
from notifications.support.backlog import ByHttp, Waiting
from notifications.support.queue_depths import Question
from preferences import rollout
from telemetry import metrics
from telemetry.metric_catalog import Metric, Queue

_STATES: Final = {State.PENDING: Queue.PENDING_DELIVERIES, State.HELD: Queue.HELD_DELIVERIES}


def measure() -> None:
    """Ask every queue once. What cannot be asked just now has no value. Raises a DatabaseError."""
    if not metrics.are_on():
        return
    names = _names()
    answers = Question(list(names)).answers()
    depths = {names[name]: depth for name, depth in answers.items() if depth}
    _measure_sqs(depths)  # first: what PostgreSQL holds up shows there
    deliveries, by_http = backlog.waiting()
    _measure_deliveries(deliveries)
    _measure_http(by_http)
    metrics.gauge(Metric.KILL_SWITCH, int(rollout.current().is_killed))
    if events := depths.get(Queue.EVENTS):
        _measure_age_of_events(events)


def _names() -> Mapping[str, Queue]:
    """Return the queues of SQS by their names there."""
    return {
        settings.EVENTS_QUEUE_NAME: Queue.EVENTS,
        f"{settings.EVENTS_QUEUE_NAME}-dlq": Queue.DEAD_LETTERS,
        **{name: Queue(f"{channel}_tasks") for channel, name in settings.OUTBOUND_QUEUES.items()},
        settings.MAINTENANCE_QUEUE: Queue.MAINTENANCE_TASKS,
    }


def _measure_sqs(depths: Mapping[Queue, Depth]) -> None:
    for queue, depth in depths.items():
        metrics.gauge(Metric.QUEUE_DEPTH, depth.waiting, queue=queue)
        metrics.gauge(Metric.QUEUE_IN_FLIGHT, depth.in_flight, queue=queue)


def _measure_age_of_events(depth: Depth) -> None:
    behind = Lag(depth.waiting, depth.in_flight, lag.events_per_second()).behind
    if behind is not None:  # else nothing moves, and there is no saying
        metrics.gauge(Metric.QUEUE_AGE, behind.total_seconds(), queue=Queue.EVENTS)


def _measure_deliveries(deliveries: Sequence[Waiting]) -> None:
    for state, queue in _STATES.items():
        these = [waiting for waiting in deliveries if waiting.state == state]
        metrics.gauge(Metric.QUEUE_DEPTH, sum(waiting.count for waiting in these), queue=queue)
        _measure_age(queue, min((waiting.first for waiting in these), default=None))


def _measure_http(events: ByHttp) -> None:
    metrics.gauge(Metric.QUEUE_DEPTH, events.count, queue=Queue.HTTP_EVENTS)
    _measure_age(Queue.HTTP_EVENTS, events.first)


def _measure_age(queue: Queue, first: datetime | None) -> None:
    """Say how long the first waits past its time; 0 when none waits or it is not due."""
    waits = (timezone.now() - first).total_seconds() if first else 0.0
    metrics.gauge(Metric.QUEUE_AGE, max(waits, 0.0), queue=queue)

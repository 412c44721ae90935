"""What is measured: every metric by its name, with its kind, unit, tags and meaning; pure data (spec §7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """How Datadog treats the values."""

    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"


class Unit(StrEnum):
    """Of what there are so many, in Datadog's words where it has one."""

    SECOND = "second"
    EVENT = "event"
    MESSAGE = "message"
    TASK = "task"
    ERROR = "error"
    REQUEST = "request"
    CONNECTION = "connection"
    DECISION = "decision"
    DELIVERY = "delivery"
    TIME = "time"
    STATE = "state"  # 1: so it is; 0: it is not


class Tag(StrEnum):
    """By what a metric can be split."""

    STAGE = "stage"
    PATH = "path"  # by which way an event came in
    REASON = "reason"
    CHANNEL = "channel"
    TYPE = "type"  # of the catalogue
    STATE = "state"  # of a delivery, at its end
    LANE = "lane"  # the way to one provider
    CALL = "call"  # of the API
    QUEUE = "queue"
    WHERE = "where"


class Stage(StrEnum):
    """Where an event or one of its deliveries has arrived."""

    RECEIVED = "received"  # an intake has begun on it
    STORED = "stored"  # it is committed: ledger, decisions, inboxes, deliveries
    RUNG = "rung"  # it is published to the open bells
    DISPLAYED = "displayed"  # a bell has it on the screen
    MAIL_SENT = "mail_sent"  # SES took the mail; not of digests
    PUSH_SENT = "push_sent"  # a provider took the push


class Place(StrEnum):
    """Where something of ours broke."""

    WEB = "web"  # a request was answered with 500
    TASK = "task"  # a Celery task ended with an error
    INTAKE = "intake"  # a thread of the intake died


class Queue(StrEnum):
    """Where something waits."""

    EVENTS = "events"  # SQS
    DEAD_LETTERS = "dead_letters"  # SQS: what was received five times in vain
    HTTP_EVENTS = "http_events"  # accepted by POST /api/v1/events, not processed yet
    EMAIL_TASKS = "email_tasks"  # SQS: calls for workers
    PUSH_TASKS = "push_tasks"
    MAINTENANCE_TASKS = "maintenance_tasks"
    PENDING_DELIVERIES = "pending_deliveries"  # wait to be sent, retries among them
    HELD_DELIVERIES = "held_deliveries"  # wait for a digest


class Metric(StrEnum):
    """The names, as Datadog has them."""

    LATENCY = "notifications.latency"
    STAGE = "notifications.stage"
    BATCH_EVENTS = "notifications.batch.events"
    EVENTS_RECEIVED = "notifications.events.received"
    EVENTS_REJECTED = "notifications.events.rejected"
    DECISIONS = "notifications.decisions"
    DELIVERIES_FINISHED = "notifications.deliveries.finished"
    FEEDBACK = "notifications.feedback"
    INTERNAL_ERRORS = "notifications.internal_errors"
    DIGESTS_MADE = "notifications.digests.made"
    WORKERS_NOT_CALLED = "notifications.workers.not_called"
    LANE_THROTTLED = "notifications.lanes.throttled"
    LANE_CLOSED = "notifications.lanes.closed"
    REQUESTS_UNLIMITED = "notifications.requests.unlimited"
    SOCKETS_OPEN = "notifications.sockets.open"
    QUEUE_DEPTH = "notifications.queue.depth"
    QUEUE_IN_FLIGHT = "notifications.queue.in_flight"
    QUEUE_AGE = "notifications.queue.age"
    KILL_SWITCH = "notifications.kill_switch"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a metric is; each of its values carries all of the tags."""

    kind: Kind
    unit: Unit
    tags: tuple[Tag, ...]
    text: str


_COUNT, _GAUGE, _DISTRIBUTION = Kind.COUNT, Kind.GAUGE, Kind.DISTRIBUTION

MEANINGS: Final[Mapping[Metric, Meaning]] = MappingProxyType(
    {
        Metric.LATENCY: Meaning(
            _DISTRIBUTION,
            Unit.SECOND,
            (Tag.STAGE,),
            "From the event's own time to this stage: once an event up to `rung`, once a display, mail or push after "
            "it. Replays and digests are left out, and backfills have no stages.",
        ),
        Metric.STAGE: Meaning(
            _DISTRIBUTION,
            Unit.SECOND,
            (Tag.STAGE,),
            "What this stage took by itself. `received`: since the event, which is the wait in the queue; `stored` and "
            "`rung`: since the stage before, once a batch; the others: since it was stored, once each.",
        ),
        Metric.BATCH_EVENTS: Meaning(_DISTRIBUTION, Unit.EVENT, (Tag.PATH,), "Events of one batch, good and bad."),
        Metric.EVENTS_RECEIVED: Meaning(
            _COUNT, Unit.EVENT, (Tag.PATH,), "Events that were new to the ledger, and those that were rejected."
        ),
        Metric.EVENTS_REJECTED: Meaning(_COUNT, Unit.EVENT, (Tag.REASON, Tag.PATH), "Events that were not accepted."),
        Metric.DECISIONS: Meaning(
            _COUNT,
            Unit.DECISION,
            (Tag.CHANNEL, Tag.TYPE, Tag.REASON),
            "What was decided, once a recipient and channel.",
        ),
        Metric.DELIVERIES_FINISHED: Meaning(
            _COUNT,
            Unit.DELIVERY,
            (Tag.CHANNEL, Tag.STATE, Tag.REASON),
            "Mails, digests and pushes that came to their end with us: sent, failed or suppressed, and why. What a "
            "provider reports later, bounces among it, is notifications.feedback.",
        ),
        Metric.FEEDBACK: Meaning(_COUNT, Unit.DELIVERY, (Tag.STATE,), "What SES reported of mails: each report once."),
        Metric.INTERNAL_ERRORS: Meaning(_COUNT, Unit.ERROR, (Tag.WHERE,), "What nobody foresaw; the logs say more."),
        Metric.DIGESTS_MADE: Meaning(_COUNT, Unit.DELIVERY, (), "Digests that came due."),
        Metric.WORKERS_NOT_CALLED: Meaning(
            _COUNT, Unit.TASK, (Tag.CHANNEL,), "Calls that SQS would not take; the sweeper repeats them."
        ),
        Metric.LANE_THROTTLED: Meaning(
            _COUNT, Unit.TIME, (Tag.LANE,), "Times that a provider asked us to send less, once an answer."
        ),
        Metric.LANE_CLOSED: Meaning(
            _COUNT, Unit.TIME, (Tag.LANE,), "Times that the circuit to a provider opened: nothing goes out."
        ),
        Metric.REQUESTS_UNLIMITED: Meaning(
            _COUNT, Unit.REQUEST, (Tag.CALL,), "Requests that passed without a limit because Redis was away."
        ),
        Metric.SOCKETS_OPEN: Meaning(_GAUGE, Unit.CONNECTION, (), "Open bells of one web process, told once a second."),
        Metric.QUEUE_DEPTH: Meaning(
            _GAUGE,
            Unit.MESSAGE,
            (Tag.QUEUE,),
            "What waits, about; of what PostgreSQL holds, at most 10,001 are counted.",
        ),
        Metric.QUEUE_IN_FLIGHT: Meaning(_GAUGE, Unit.MESSAGE, (Tag.QUEUE,), "What an SQS queue has handed out."),
        Metric.QUEUE_AGE: Meaning(
            _GAUGE,
            Unit.SECOND,
            (Tag.QUEUE,),
            "How long the first has waited past its time. Of `events`, which SQS does not tell: how long a message of "
            "now will wait, at the rate of late. No value for the other queues of SQS.",
        ),
        Metric.KILL_SWITCH: Meaning(_GAUGE, Unit.STATE, (), "1 while the kill switch holds intake and sending."),
    }
)

"""What is measured: every name with its kind, unit, tags and meaning, and the three calls that measure it (spec §7).

Names and tags are these and no others. A tag's value goes out only if its tag lists it, and as `unknown` if not; so no
id, name or address can leave this way, and the number of series stays small. Without settings.DOGSTATSD_HOST nothing
is measured and every call returns at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Final

from telemetry import statsd

#: Values of one line. Longer lines would not fit a datagram of 1,432 bytes, with the name and all tags.
_PACKED: Final = 100
UNKNOWN: Final = "unknown"


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
            _COUNT, Unit.TIME, (Tag.LANE,), "Times that a provider wanted fewer of us, once an answer."
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

#: What each tag may say. Tags whose values are this module's own are full; the rest is for `allow`.
_ALLOWED: Final[dict[Tag, frozenset[str]]] = {
    **dict.fromkeys(Tag, frozenset()),
    Tag.STAGE: frozenset(Stage),
    Tag.QUEUE: frozenset(Queue),
    Tag.WHERE: frozenset(Place),
}


def allow(tag: Tag, values: Iterable[str]) -> None:
    """Let a tag say these values too: the members of an enumeration, names of the catalogue; never anybody's data."""
    _ALLOWED[tag] |= frozenset(map(str, values))
    _labels.cache_clear()


def allowed(tag: Tag) -> frozenset[str]:
    """Return what the tag may say."""
    return _ALLOWED[tag]


def are_on() -> bool:
    """Whether anybody listens; asked before a figure is computed that nothing else needs."""
    return statsd.client() is not None


def count(metric: Metric, number: int = 1, **tags: str) -> None:
    """Add to a count; the tags are the metric's own, by name."""
    if client := statsd.client():
        client.count(metric, number, tags=_labels(metric, Kind.COUNT, tuple(tags.items())))


def gauge(metric: Metric, value: float, **tags: str) -> None:
    """Say how much there is just now."""
    if client := statsd.client():
        client.gauge(metric, value, tags=_labels(metric, Kind.GAUGE, tuple(tags.items())))


def distribution(metric: Metric, values: Sequence[float], **tags: str) -> None:
    """Add values, with three decimals: milliseconds, of seconds. Many at once cost a quarter of a microsecond each."""
    if client := statsd.client():
        labels = _labels(metric, Kind.DISTRIBUTION, tuple(tags.items()))
        for packed in _pack(values):
            client.distribution(metric, packed, tags=labels)  # type: ignore[arg-type]  # it writes what it is given


def _pack(values: Sequence[float]) -> Iterator[str]:
    """Write values side by side, as agents read them since version 7.25 (DogStatsD protocol 1.1)."""
    remaining = iter(values)
    while some := tuple(islice(remaining, _PACKED)):
        yield (("%.3f:" * len(some)) % some)[:-1]


@lru_cache(maxsize=4096)
def _labels(metric: Metric, kind: Kind, tags: tuple[tuple[str, str], ...]) -> list[str]:
    """Return the tags as the wire has them. Raises ValueError for what is not the metric's kind, or not its tags."""
    meaning = MEANINGS[metric]
    if kind is not meaning.kind or {name for name, _ in tags} != set(meaning.tags):
        raise ValueError(f"{metric} is a {meaning.kind} with the tags {', '.join(meaning.tags) or 'none'}")
    return [f"{name}:{value if value in _ALLOWED[Tag(name)] else UNKNOWN}" for name, value in tags]

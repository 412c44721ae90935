"""The curves, and how far each is followed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Curve(StrEnum):
    """What grows."""

    BATCH_SIZE = "batch-size"  # INTAKE_BATCH_MESSAGES
    RECIPIENTS = "recipients"  # of one event
    TABLE_SIZE = "table-size"  # rows in the ledger, the decisions, the inboxes and the deliveries, each
    LATENCY = "latency"  # added to every call of SQS, ms
    SOCKETS = "sockets"  # open and idle in the one web process


class Contest(StrEnum):
    """Who consumes."""

    OURS = "ours"
    BASELINE = "one task per event"  # Celery over stock kombu


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    rounds: int = 3
    people: int = 10_000  # who get the events; at least as many as the largest event has recipients
    events: int = 3_000  # of a drain, one a message
    packed_events: int = 10_000  # of a drain, ten a message
    baseline_events: int = 500
    batch_sizes: Sequence[int] = (1, 10, 50, 200, 500)
    recipients: Sequence[int] = (1, 10, 100, 1_000, 10_000)
    table_rows: Sequence[int] = (10_000, 100_000, 1_000_000)
    round_trips_ms: Sequence[float] = (0.0, 10.0)
    sockets: Sequence[int] = (0, 500, 2_000, 5_000)


QUICK: Final = Scale(
    rounds=1,
    people=2_000,
    events=600,
    packed_events=2_000,
    baseline_events=100,
    batch_sizes=(1, 50, 500),
    recipients=(1, 100, 2_000),
    table_rows=(10_000, 50_000),
    sockets=(0, 200),
)

"""What one batch tells of itself: how many events, what was decided, and when they reached each stage (spec §7).

Everything is counted when it is committed, and once: a batch that PostgreSQL would not take says nothing until it does,
and events that the ledger knew already say nothing at all.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from notifications.events import Event, Rejected
from notifications.models import Path, Rejection
from notifications.verdicts import Verdict
from preferences.catalog import CATALOG, Channel
from preferences.decisions import Reason
from telemetry import metrics
from telemetry.metric_catalog import Metric, Stage, Tag

metrics.allow(Tag.PATH, Path)
metrics.allow(Tag.TYPE, CATALOG)
metrics.allow(Tag.CHANNEL, Channel)
metrics.allow(Tag.REASON, [*Rejection, *Reason])

#: Recipients by the event's type and the reasons in the order of _CHANNELS.
Tally = Counter[tuple[str, Reason, Reason, Reason]]
_CHANNELS: Final = (Channel.IN_APP, Channel.EMAIL, Channel.PUSH)


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Count what was decided; nothing when nobody listens."""
    if not metrics.are_on():
        return Tally()
    decided = [(verdict.address.recorded.event.type.name, verdict.decisions) for verdict in verdicts]
    return Tally([(name, of.in_app.reason, of.email.reason, of.push.reason) for name, of in decided])


def tally_malformed(events: Iterable[Event]) -> Tally:
    """Count the recipients that are no user ids."""
    unknown = Reason.UNKNOWN_USER
    found = Tally()
    for event in events:
        if event.malformed_recipients:
            found[event.type.name, unknown, unknown, unknown] += len(event.malformed_recipients)
    return found


def count_rejections(rejected: Iterable[Rejected], path: Path) -> None:
    """Count events that were not accepted, once that is on record."""
    for reason, number in Counter(entry.reason for entry in rejected).items():
        metrics.count(Metric.EVENTS_RECEIVED, number, path=path)
        metrics.count(Metric.EVENTS_REJECTED, number, reason=reason, path=path)


class BatchMetrics:
    """Follows one batch through the pipeline. Made when an intake begins on it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = self._last = time.time()
        self._events = 0
        self._ages: list[float] = []  # of the events when we began, in seconds; none of a replay

    def stored(self, new: Sequence[Event], decided: Tally) -> None:
        """The new events are committed, with what was `decided` for their recipients."""
        if not new or not metrics.are_on():
            return
        self._events = len(new)
        if self._path is not Path.REPLAY:
            ages = [self._began - event.occurred_at.timestamp() for event in new]
            self._ages = ages if min(ages) >= 0 else [max(age, 0.0) for age in ages]  # clocks differ
        metrics.count(Metric.EVENTS_RECEIVED, self._events, path=self._path)
        _count_decisions(decided)
        metrics.distribution(Metric.LATENCY, self._ages, stage=Stage.RECEIVED)
        metrics.distribution(Metric.STAGE, self._ages, stage=Stage.RECEIVED)
        self._arrived(Stage.STORED)

    def rejected(self, rejected: Sequence[Rejected]) -> None:
        """What was not accepted is on record."""
        count_rejections(rejected, self._path)
        if events := self._events + len(rejected):
            metrics.distribution(Metric.BATCH_EVENTS, [events], path=self._path)

    def rung(self) -> None:
        """Whoever has a bell open was told."""
        self._arrived(Stage.RUNG)

    def _arrived(self, stage: Stage) -> None:
        """All new events are at the stage now; what it took since the last one is the same for all of them."""
        if not self._ages:
            return
        now = time.time()
        since = now - self._began
        metrics.distribution(Metric.LATENCY, [age + since for age in self._ages], stage=stage)
        metrics.distribution(Metric.STAGE, [now - self._last], stage=stage)
        self._last = now


def _count_decisions(decided: Tally) -> None:
    by_channel: Counter[tuple[Channel, str, Reason]] = Counter()
    for (name, *reasons), recipients in decided.items():
        for channel, reason in zip(_CHANNELS, reasons, strict=True):
            by_channel[channel, name, reason] += recipients
    for (channel, name, reason), recipients in by_channel.items():
        metrics.count(Metric.DECISIONS, recipients, channel=channel, type=name, reason=reason)

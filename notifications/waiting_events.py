"""Events that came by POST /api/v1/events, where they wait for the intake: a queue in PostgreSQL (spec §1 "Producers").

It has the operations of the queue on SQS, so the same intake works on both. Whoever receives an event holds it by a
lease; when a crash lets the lease run out, the event comes again, which the ledger makes harmless. What comes again
and again may be what the intakes crash of: after as many receives as SQS allows it is rejected instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from notifications import event_log, records
from notifications.batch_metrics import count_rejections
from notifications.event_messages import read_message
from notifications.event_queue import MAX_RECEIVES, Received
from notifications.events import Event, Rejected
from notifications.models import Path, Rejection, WaitingEvent

_BATCH: Final = 100  # events of one receive
_BATCH_BYTES: Final = 8 * 1024 * 1024  # of their bodies, of which each may have 1 MiB; the last may exceed it
_MOST_COUNTED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many events wait or are in hand, counted up to 100,000, and when the first of them was accepted (aware)."""

    events: int
    since: datetime | None


def store(events: Sequence[Event], rejected: Sequence[Rejected]) -> None:
    """Keep the events of one request for the intake, and on record what was not accepted; all or nothing.

    Raises a DatabaseError, for which `is_outage` holds when PostgreSQL is away or read-only.
    """
    with transaction.atomic():
        WaitingEvent.objects.bulk_create([WaitingEvent(body=event.payload) for event in events])
        records.record_rejections(rejected, Path.HTTP)


def waiting() -> Waiting:
    """Look at what was not processed yet."""
    first = WaitingEvent.objects.order_by("id").values_list("accepted_at", flat=True).first()
    return Waiting(WaitingEvent.objects.all()[:_MOST_COUNTED].count(), first)


# The ids are chosen first, once: as a subquery of the UPDATE they could be chosen again for each row. By an array of
# them PostgreSQL finds the rows through the key, however old its statistics of a table that fills and empties.
_TAKE: Final = """
    WITH free AS MATERIALIZED (
        SELECT id, octet_length(body) AS bytes FROM waiting_events
        WHERE taken_until IS NULL OR taken_until < now()
        ORDER BY id
        LIMIT %(events)s
        FOR UPDATE SKIP LOCKED
    ), measured AS (
        SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before FROM free
    )
    UPDATE waiting_events SET taken_until = now() + make_interval(secs => %(seconds)s), receives = receives + 1
    WHERE id = ANY(ARRAY(SELECT id FROM measured WHERE bytes_before < %(bytes)s))
    RETURNING id, body, accepted_at, receives
"""


class WaitingEvents:
    """The events that wait, as a queue; safe to share between threads, and between intakes.

    Its calls raise a DatabaseError when PostgreSQL is away.
    """

    #: Nobody announces an event, so an intake that found none looks again after this. One index lookup each time.
    pause_seconds: Final = 0.25

    def receive(self) -> list[Received]:
        """Take up to a hundred events, the first that nobody else has in hand; hold them by a lease."""
        lease = settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds()
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"events": _BATCH, "bytes": _BATCH_BYTES, "seconds": lease})
            taken = sorted(cursor.fetchall())
        received = [(Received(str(id_), body, accepted_at), receives) for id_, body, accepted_at, receives in taken]
        _give_up([message for message, receives in received if receives > MAX_RECEIVES])
        return [message for message, receives in received if receives <= MAX_RECEIVES]

    def delete(self, receipts: Iterable[str]) -> int:
        """Forget events that are in the ledger, or rejected; return 0, as none is refused."""
        _events(receipts).delete()
        return 0

    def put_back(self, receipts: Iterable[str]) -> int:
        """Let others have the events at once, as if they had not been received; return 0."""
        _events(receipts).update(taken_until=None, receives=F("receives") - 1)
        return 0

    def keep(self, receipts: Iterable[str]) -> int:
        """Hold the events for another lease; return 0."""
        _events(receipts).update(taken_until=Now() + settings.INTAKE_VISIBILITY_TIMEOUT)
        return 0


def _give_up(messages: Sequence[Received]) -> None:
    """Put on record as rejected what no intake could settle; the admin shows it, and replays it."""
    if not messages:
        return
    rejected = [_rejected(message) for message in messages]
    with transaction.atomic():
        _events(message.receipt for message in messages).delete()
        records.record_rejections(rejected, Path.HTTP)
    count_rejections(rejected, Path.HTTP)
    event_log.rejected(rejected, Path.HTTP)


def _rejected(message: Received) -> Rejected:
    detail = f"received {MAX_RECEIVES} times by intakes that ended before it was settled"
    [event] = read_message(message.body, sent_at=message.sent_at, now=message.sent_at)
    event_id = event.id if isinstance(event, Event) else event.event_id
    return Rejected(Rejection.INTERNAL_ERROR, detail, message.body.encode(), source=event.source, event_id=event_id)


def _events(receipts: Iterable[str]) -> QuerySet[WaitingEvent]:
    return WaitingEvent.objects.filter(id__in=[int(receipt) for receipt in receipts])

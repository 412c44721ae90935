"""What happens to an event: accept, decide, render, store, ring the bell, call for mail and push.

A micro-batch goes through together, in one transaction and a dozen statements, because a query, a commit and a
publish per event are what makes one-task-per-event systems slow. A batch that fails is halved until the event that
makes it fail stands alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from psycopg.errors import ForeignKeyViolation

from delivery import dispatch, recipients
from delivery.dispatch import Due
from delivery.rendering import Content, render
from delivery.transports import bell
from notifications import event_log, inbox, records
from notifications.batch_metrics import BatchMetrics, Tally, tally, tally_malformed
from notifications.event_messages import read_message
from notifications.events import Event, Rejected
from notifications.inbox import Item
from notifications.models import Path, Rejection
from notifications.records import IdCollision
from notifications.verdicts import Address, NewNotification, Recorded, Verdict
from preferences import people
from preferences.decisions import Decisions, Recipient, decide
from preferences.outages import is_outage
from preferences.people import Person

#: Recipients that are decided, stored and rung at a time, so that memory does not grow with an event's recipients.
CHUNK: Final = 1_000

#: Actors by id, and what each event says by its row in the ledger.
People = dict[UUID, Person]
Contents = dict[int, Content]


@dataclass(frozen=True, slots=True)
class Message:
    """The body of one message, and when its producer sent it (aware)."""

    body: str | bytes
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """A notification that is in someone's inbox."""

    user_id: UUID
    item: Item

    def as_bell_message(self, unread_count: int) -> bell.Message:
        """Return what its owner's sockets are told (spec §3 "notification")."""
        return {"type": "notification", "notification": self.item.as_json(), "unread_count": unread_count}


@dataclass(frozen=True, slots=True)
class Written:
    """What is committed, and still to be told: to the bells, and to the workers."""

    stored: Sequence[Stored] = ()
    due: Sequence[Due] = ()
    new: Sequence[Event] = ()  # to the ledger
    decided: Tally = field(default_factory=Tally)

    def __add__(self, other: "Written") -> "Written":
        return Written(
            [*self.stored, *other.stored],
            [*self.due, *other.due],
            [*self.new, *other.new],
            self.decided + other.decided,
        )


def process(messages: Sequence[Message], *, path: Path) -> Sequence[Rejected]:
    """Take a batch of messages to the open bells, and return what was not accepted.

    Once this returns, nothing of the batch can be lost. Safe to repeat with the same messages: what is stored stays as
    it is, and its bells ring again. Raises a DatabaseError for which `is_outage` holds when PostgreSQL is away, locked
    or read-only; then all of it is to be repeated.
    """
    batch = BatchMetrics(path)
    events, rejected = accept(messages)
    event_log.received(events, path)

    written, failed = store(events, path)
    batch.stored(written.new, written.decided)
    event_log.stored(written.new, path)

    rejected += failed
    records.record_rejections(rejected, path)
    batch.rejected(rejected)
    event_log.rejected(rejected, path)

    ring(written.stored)
    batch.rung()
    dispatch.wake(written.due)
    return rejected


def accept(messages: Sequence[Message]) -> tuple[list[Event], list[Rejected]]:
    """Read the messages; a bad event does not harm its neighbours."""
    now = timezone.now()
    read = [entry for message in messages for entry in read_message(message.body, sent_at=message.sent_at, now=now)]
    events = [entry for entry in read if isinstance(entry, Event)]
    return events, [entry for entry in read if isinstance(entry, Rejected)]


def store(events: Sequence[Event], path: Path, *, is_second_try: bool = False) -> tuple[Written, list[Rejected]]:
    """Store the events together, or by halves when one of them makes the whole fail."""
    if not events:
        return Written(), []
    try:
        return _store_together(events, path), []
    except Exception as error:  # whatever one event provokes must not sink the others
        if is_outage(error):
            event_log.delayed(events, path, error)
            raise
        if len(events) == 1 and not is_second_try and isinstance(error.__cause__, ForeignKeyViolation):
            return store(events, path, is_second_try=True)  # whoever was erased meanwhile is nobody now
        if len(events) == 1:
            return Written(), [_failure(events[0], error)]
    middle = len(events) // 2
    written, failed = store(events[:middle], path)
    more_written, more_failed = store(events[middle:], path)
    return written + more_written, failed + more_failed


def _store_together(events: Sequence[Event], path: Path) -> Written:
    """Enter the events into the ledger; decide, render and store the new ones, all or nothing."""
    with transaction.atomic():
        recorded = records.record_events(events, path)
        records.record_malformed_recipients(recorded)
        actors = people.load({entry.event.actor_id for entry in recorded if entry.event.actor_id})
        contents = {entry.ledger_id: render_event(entry.event, actors) for entry in recorded}
        written = sum((_store_chunk(chunk, actors, contents) for chunk in _chunks(recorded)), Written())
    new = [entry.event for entry in recorded]
    return written + Written(_stored_before(events, recorded), new=new, decided=tally_malformed(new))


def render_event(event: Event, actors: People) -> Content:
    """Say what happened; the words are the same for every recipient."""
    actor = actors.get(event.actor_id) if event.actor_id else None
    resource = event.resource
    return render(
        event.type.name,
        actor_name=actor.name if actor else None,
        resource_type=resource.type if resource else None,
        resource_title=resource.title if resource else None,
        params=event.params,
    )


def _chunks(recorded: Sequence[Recorded]) -> Iterator[list[Address]]:
    """Gather the recipients of all events into chunks; a large event spans several."""
    addresses = _addresses(recorded)
    while chunk := list(islice(addresses, CHUNK)):
        yield chunk


def _addresses(recorded: Sequence[Recorded]) -> Iterator[Address]:
    for entry in recorded:
        notification_id = entry.event.notification_ids()
        for user_id in entry.event.recipients:
            yield Address(entry, user_id, notification_id(user_id))


def _store_chunk(chunk: Sequence[Address], actors: People, contents: Contents) -> Written:
    """Decide for some recipients, keep what was decided, fill the inboxes, and put mail and push on record."""
    verdicts = decide_all(chunk)
    records.record_decisions(verdicts)
    notifications = [_notification(verdict, actors, contents) for verdict in verdicts]
    stored = records.store_notifications([notification for notification in notifications if notification.is_in_app])
    due = dispatch.record([delivery for notification in notifications for delivery in notification.deliveries()])
    return Written(
        [Stored(notification.user_id, notification.as_item(stored_at)) for notification, stored_at in stored],
        due,
        decided=tally(verdicts),
    )


def decide_all(chunk: Sequence[Address]) -> list[Verdict]:
    """Decide for some recipients, as they are now."""
    now = timezone.now()
    known = recipients.load({address.user_id for address in chunk})
    return [Verdict(address, _decide(address.event, known.get(address.user_id), now=now)) for address in chunk]


def _decide(event: Event, recipient: Recipient | None, *, now: datetime) -> Decisions:
    return decide(event.type, recipient, actor_id=event.actor_id, occurred_at=event.occurred_at, now=now)


def _notification(verdict: Verdict, actors: People, contents: Contents) -> NewNotification:
    recorded = verdict.address.recorded
    actor_id = recorded.event.actor_id
    return NewNotification(
        verdict, content=contents[recorded.ledger_id], actor=actors.get(actor_id) if actor_id else None
    )


def _stored_before(events: Sequence[Event], recorded: Sequence[Recorded]) -> list[Stored]:
    """Return what earlier deliveries of these events stored, since a crash may have kept its bells from ringing."""
    new = {(entry.event.source, entry.event.id) for entry in recorded}
    repeated = [event for event in events if (event.source, event.id) not in new]
    if not repeated:
        return []
    return [Stored(user_id, item) for user_id, item in inbox.by_ids(records.notification_ids_of(repeated))]


def _failure(event: Event, error: Exception) -> Rejected:
    """Reject an event that made us fail. Only the error's kind is kept: its text may quote what the event says."""
    event_log.failed(event, error)
    if isinstance(error, IdCollision):
        reason, detail = Rejection.ID_COLLISION, str(error)
    else:
        reason, detail = Rejection.INTERNAL_ERROR, type(error).__name__
    return Rejected(reason, detail, event.payload.encode(), source=event.source, event_id=event.id)


def ring(stored: Sequence[Stored]) -> None:
    """Push to the open bells, CHUNK at a time; whoever has none open finds the notification in the inbox."""
    for start in range(0, len(stored), CHUNK):
        _ring_some(stored[start : start + CHUNK])


def _ring_some(stored: Sequence[Stored]) -> None:
    listening = bell.listening({entry.user_id for entry in stored})
    if not listening:
        return
    unread = inbox.count_unread(listening)
    heard = [entry for entry in stored if entry.user_id in listening]
    bell.publish(
        ((entry.user_id, entry.as_bell_message(unread.by_user[entry.user_id])) for entry in heard),
        counted_at=unread.at,
    )

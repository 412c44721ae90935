"""History into inboxes: what happened before people were let in, born read and heard by nobody (spec §8).

A line is an event as producers write it. Its notifications have the ids that the live event would have given them, so
neither can double the other. There is no row in the ledger, no decision and no delivery, hence no mail and no push.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Final
from uuid import UUID

from django.utils import timezone

from notifications import records
from notifications.backfilling import rows as backfill_rows
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.batches import Became, Entry, InvalidLine, Loader, Problem, Tally, refusal
from notifications.event_messages import read_message
from notifications.events import Event, Rejected
from notifications.models import Backfill, ReceivedEvent, Rejection
from notifications.pipeline import render_event
from notifications.verdicts import Address, NewNotification, Recorded, Verdict
from preferences import people
from preferences.decisions import Reason, Recipient, decide
from preferences.rollout import Rollout

#: Rows of one statement: a batch, unless its last event has very many recipients.
_CHUNK: Final = 5_000
#: The flag is passed over: history is loaded before people are let in.
_EVERYONE: Final = Rollout(is_killed=False, everyone=True)
#: In place of a ledger's row, which is not stored.
_NOT_IN_LEDGER: Final = 0
#: In place of a missing `time`.
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NotificationLoader(Loader[Event]):
    """Reads one CloudEvent a line."""

    kind = Backfill.Kind.NOTIFICATIONS

    def read(self, text: str, *, number: int) -> Event:
        """Read the event by the rules of the queue; but it comes alone, and history needs a time."""
        if text.lstrip().startswith("["):
            raise InvalidLine(Rejection.WRONG_SHAPE, "one event a line, not a batch of them")
        now = timezone.now()
        (event,) = read_message(text, sent_at=_NO_TIME, now=now)
        if isinstance(event, Rejected):
            raise InvalidLine(event.reason, event.detail)
        if event.occurred_at is _NO_TIME:
            raise InvalidLine(Rejection.WRONG_SHAPE, "time is missing")
        if event.occurred_at is now:  # which would give it another id whenever it is read
            raise InvalidLine(Rejection.WRONG_SHAPE, "time lies in the future")
        return event

    def rows(self, value: Event) -> int:
        """Return how many people it concerns."""
        return len(value.recipients)

    def store(self, entries: Sequence[Entry[Event]], *, run_id: int) -> Tally:
        """Fill the inboxes."""
        return _fill(entries, partial(backfill_rows.insert, run_id=run_id))

    def rehearse(self, entries: Sequence[Entry[Event]]) -> Tally:
        """Count what would go into the inboxes."""
        return _fill(entries, backfill_rows.find_missing)


def undo(run: Backfill, *, batch_size: int) -> Iterator[int]:
    """Delete what the run stored, yielding after each commit how many rows it was. Safe to repeat after a kill."""
    backfill_runs.start_over(run)
    while deleted := backfill_rows.delete(run.id, limit=batch_size):
        yield deleted
    backfill_runs.close_undone(run)


# --- Deciding and rendering ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _New:
    """A notification, and the line that it comes from."""

    line: int
    notification: NewNotification

    @property
    def id(self) -> str:
        return self.notification.id

    @property
    def identity(self) -> tuple[str, str, UUID]:
        """What the id is a hash of."""
        event = self.notification.event
        return event.source, event.id, self.notification.user_id

    @property
    def reason(self) -> Reason:
        return self.notification.verdict.decisions.in_app.reason


#: Stores notifications, or pretends to, and returns the ids of those that were not there.
_Put = Callable[[Sequence[NewNotification]], set[str]]


def _fill(entries: Sequence[Entry[Event]], put: _Put) -> Tally:
    malformed = sum(len(entry.value.malformed_recipients) for entry in entries)
    nobody = Tally(+Counter({Reason.UNKNOWN_USER.value: malformed}))  # as in the pipeline
    return sum((_put_chunk(chunk, put) for chunk in _decided(entries)), nobody)


def _decided(entries: Sequence[Entry[Event]]) -> Iterator[list[_New]]:
    """Decide and render, some recipients at a time, so that memory does not grow with an event's recipients."""
    actors = people.load({entry.value.actor_id for entry in entries if entry.value.actor_id})
    contents = {entry.line: render_event(entry.value, actors) for entry in entries}
    addresses = _addresses(entries)
    while chunk := list(islice(addresses, _CHUNK)):
        known = people.load_recipients({address.user_id for _, address in chunk}, _EVERYONE)
        now = timezone.now()
        yield [
            _New(line, NewNotification(verdict, contents[line], actors.get(actor_id) if actor_id else None))
            for line, address in chunk
            for actor_id in [address.event.actor_id]
            for verdict in [_decide(address, known.get(address.user_id), now)]
        ]


def _addresses(entries: Sequence[Entry[Event]]) -> Iterator[tuple[int, Address]]:
    """Return every recipient with the line of the event."""
    times = _times_in_ledger([entry.value for entry in entries])
    for entry in entries:
        event = entry.value
        event = replace(event, occurred_at=times.get((event.source, event.id), event.occurred_at))
        recorded, notification_id = Recorded(_NOT_IN_LEDGER, event), event.notification_ids()
        for user_id in event.recipients:
            yield entry.line, Address(recorded, user_id, notification_id(user_id))


def _times_in_ledger(events: Sequence[Event]) -> dict[tuple[str, str], datetime]:
    """Return when events happened that also came live, of which the id is made: their producer may have given none."""
    sources, event_ids = {event.source for event in events}, {event.id for event in events}
    known = ReceivedEvent.objects.filter(source__in=sources, event_id__in=event_ids)
    return {(source, id_): time for source, id_, time in known.values_list("source", "event_id", "occurred_at")}


def _decide(address: Address, recipient: Recipient | None, now: datetime) -> Verdict:
    event = address.event
    return Verdict(
        address, decide(event.type, recipient, actor_id=event.actor_id, occurred_at=event.occurred_at, now=now)
    )


# --- Counting -------------------------------------------------------------------------------------------------


def _put_chunk(chunk: Sequence[_New], put: _Put) -> Tally:
    """Put what is wanted into the inboxes, and say what became of all of it."""
    left_out = Counter(new.reason.value for new in chunk if not new.notification.is_in_app)
    wanted = [new for new in chunk if new.notification.is_in_app]
    by_id: dict[str, _New] = {}
    for new in wanted:
        by_id.setdefault(new.id, new)
    # In one order, so that two runs that store some of the same wait for each other and do not deadlock.
    stored = put([new.notification for new in sorted(by_id.values(), key=attrgetter("id"))])
    taken = _taken(wanted, by_id, stored)
    repeats = len(wanted) - len(stored) - len(taken)
    became = Counter({Became.STORED.value: len(stored), Became.ALREADY_THERE.value: repeats})
    return Tally(+became + left_out) + refusal(*(_collision(new) for new in taken))


def _taken(wanted: Sequence[_New], by_id: Mapping[str, _New], stored: Collection[str]) -> list[_New]:
    """Return those whose id something else has, in the inboxes or in this chunk."""
    refused = [new for new in by_id.values() if new.id not in stored]
    same = records.find_same([new.notification for new in refused])
    return [
        *(new for new in refused if new.id not in same),
        *(new for new in wanted if by_id[new.id].identity != new.identity),
    ]


def _collision(new: _New) -> Problem:
    return Problem(new.line, Rejection.ID_COLLISION, f"another notification has the id {new.id}")

"""Removing a person everywhere (spec §4 "Retention").

The order matters. First nothing more is decided for the person; then everything that names the person is gone
through, in small transactions, while the name still stands in `users` to look for; and the person's own row goes last.
So a run that was killed is simply run again. Events go on arriving meanwhile: at the end the intake is held up for a
moment, the few that came since are gone through, and with the name nobody can be called by it any more.

Out of reach: messages in the queues, what a worker has in hand, backups, and what others wrote in their own words. An
event that names the person later is recorded under `unknown_user`.
"""

from collections.abc import Iterator
from typing import Final

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from delivery.models import Delivery, State
from notifications.upkeep import belongings, event_bodies, others_rows, traces
from notifications.upkeep.steps import Step
from notifications.upkeep.traces import Traces
from preferences.models import User

BATCH: Final = 1_000
#: Events for which the intake is held up; when more have come, they are gone through before.
_FEW: Final = 200
#: How long the intake waits for us to wait for it. The longest transaction, one event for 10,000, takes less.
_PATIENCE: Final = "5s"


class InOffice(Exception):
    """Somebody who works in the admin is not erased."""

    def __init__(self) -> None:
        super().__init__("This person may log in to the admin. Take away the standing first.")


class Overtaken(Exception):
    """An event was being stored for too long to wait for it, or rows that name the person came in at the very end."""

    def __init__(self) -> None:
        super().__init__("The intake was too busy for the last step. Run it again.")


def in_hand(person: User) -> int:
    """Return how many mails and pushes a worker has in hand: they may go out yet."""
    return Delivery.objects.filter(user_id=person.id, state=State.SENDING).count()


def erase(person: User, *, batch: int = BATCH) -> Iterator[Step]:
    """Remove the person, step by step, each its own transaction. Raises InOffice before the first, or Overtaken."""
    refuse_staff(person)
    found = traces.of(person)
    belongings.withdraw(person.id)
    mark = _mark()
    yield from event_bodies.clean_waiting(found)
    yield from event_bodies.clean_ledger(found)
    yield belongings.forget_log(found)
    yield from belongings.remove_rows(person.id, batch=batch)
    yield from others_rows.unname_deliveries(found, batch=batch)
    yield from others_rows.unname_notifications(found, batch=batch)
    yield from event_bodies.clean_rejected(found)
    yield from _catch_up(found, mark)
    yield from belongings.remove_rows(person.id, batch=batch)  # decided before the first step, and stored after it
    yield from belongings.remove_mentions(found)
    yield _remove_person(person)


def rehearse(person: User, *, batch: int = BATCH) -> Iterator[Step]:
    """Go through the same rows, and change none. Raises InOffice."""
    refuse_staff(person)
    found = traces.of(person)
    yield from event_bodies.clean_waiting(found, rehearse=True)
    yield from event_bodies.clean_ledger(found, rehearse=True)
    yield from belongings.remove_rows(person.id, batch=batch, rehearse=True)
    yield from others_rows.unname_deliveries(found, batch=batch, rehearse=True)
    yield from others_rows.unname_notifications(found, batch=batch, rehearse=True)
    yield from event_bodies.clean_rejected(found, rehearse=True)
    yield from belongings.remove_mentions(found, rehearse=True)
    yield Step("users", looked_at=1, changed=1)


def refuse_staff(person: User) -> None:
    """Raise InOffice for somebody who may log in to the admin."""
    if person.is_staff or person.is_superuser:
        raise InOffice


# --- The end ---------------------------------------------------------------------------------------------------------


def _mark() -> int:
    """Return the end of the ledger, below which no event is still being stored."""
    with transaction.atomic():
        _hold_up_intake()
        return event_bodies.newest()


def _catch_up(person: Traces, mark: int) -> Iterator[Step]:
    """Go through what came since the mark, and forget the name while nothing can come."""
    while (end := _mark()) - mark > _FEW:
        yield from event_bodies.clean_ledger(person, after=mark)
        mark = end
    with transaction.atomic():
        _hold_up_intake()
        steps = list(event_bodies.clean_ledger(person, after=mark))
        belongings.forget_name(person.user_id)
    yield from steps


def _hold_up_intake() -> None:
    """Wait for the events that are being stored, and let no other begin, until the transaction ends.

    Whoever stores an event writes to the ledger before it asks for people.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
            cursor.execute("LOCK TABLE received_events IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Overtaken from error
        raise


def _remove_person(person: User) -> Step:
    try:
        removed = belongings.remove_person(person.id)
    except IntegrityError as error:
        raise Overtaken from error
    return Step("users", looked_at=int(removed), changed=int(removed))

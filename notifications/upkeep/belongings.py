"""What a person has in the tables: rows that go with the person (spec §4)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications.models import Forecast
from notifications.upkeep import support_log
from notifications.upkeep.removal import Count, Deletion
from notifications.upkeep.steps import Step
from notifications.upkeep.traces import ERASED, Traces
from preferences.models import Flag, User

#: Tables with many rows of one person, each with the time of its index by person. Decisions first: an audit looks for
#: rows that were decided, not for decisions that were carried out.
_LARGE: Final = (("decisions", "decided_at"), ("deliveries", "created_at"), ("notifications", "created_at"))
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def remove_rows(user_id: UUID, *, batch: int, rehearse: bool = False) -> Iterator[Step]:
    """Remove decisions, deliveries and inbox, one transaction a batch.

    By time: a digest, which its items point to, is younger than they are.
    """
    removal = Count(batch) if rehearse else Deletion(batch)
    for table, time in _LARGE:
        for some in removal.take_along(time, table, "user_id = %(user)s", {"user": user_id}, start=_BEGINNING):
            yield Step(table, looked_at=some.rows, changed=some.rows)


def forget_log(person: Traces) -> Step:
    """Forget about whom support did something, while the rows that the log speaks of still say whose they are."""
    with transaction.atomic():
        changed = _forget_log(person, rehearse=False)
    return Step(LogEntry._meta.db_table, looked_at=changed, changed=changed)


def remove_mentions(person: Traces, *, rehearse: bool = False) -> Iterator[Step]:
    """Remove the person from the small tables; each stands by itself."""
    for model, change in _MENTIONS.items():
        with transaction.atomic():
            changed = change(person, rehearse)
        yield Step(model._meta.db_table, looked_at=changed, changed=changed)


# --- Small tables --------------------------------------------------------------------------------------------------


def _forget_address(person: Traces, rehearse: bool) -> int:
    """Keep the address suppressed by its hash alone. What was never suppressed leaves nothing."""
    hashes = [suppressions.address_hash(form) for form in person.addresses]
    rows = SuppressedAddress.objects.filter(address_hash__in=hashes).exclude(address=None)
    # The provider's words may quote the address.
    return rows.count() if rehearse else rows.update(address=None, detail="")


def _forget_log(person: Traces, rehearse: bool) -> int:
    """Keep that support did something, and forget about whom. What a former colleague did goes with the colleague."""
    own = LogEntry.objects.filter(user_id=person.user_id)
    others = [entries.exclude(user_id=person.user_id) for entries in support_log.about(person)]
    if rehearse:
        return own.count() + sum(entries.count() for entries in others)
    return _delete(own) + sum(entries.update(object_id="", object_repr=ERASED, change_message="") for entries in others)


def _forget_forecasts(person: Traces, rehearse: bool) -> int:
    """Forget who asked; a count that stands at the person goes on from just before."""
    asked, at = Forecast.objects.filter(asked_by=person.user_id), Forecast.objects.filter(after=person.user_id)
    if rehearse:
        return (asked | at).count()
    return asked.update(asked_by=None) + at.update(after=UUID(int=max(person.user_id.int - 1, 0)))


def _end_sessions(person: Traces, rehearse: bool) -> int:
    """End sessions of the admin, which people have who worked there once."""
    keys = [
        session.session_key
        for session in Session.objects.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(person.user_id)
    ]
    rows = Session.objects.filter(session_key__in=keys)
    return len(keys) if rehearse else _delete(rows)


def _leave(through: type[Model]) -> Callable[[Traces, bool], int]:
    """Return what takes the person out of a table of members."""

    def leave(person: Traces, rehearse: bool) -> int:
        rows: QuerySet[Any] = through._default_manager.filter(user_id=person.user_id)
        return rows.count() if rehearse else _delete(rows)

    return leave


_MENTIONS: Final[dict[type[Model], Callable[[Traces, bool], int]]] = {
    SuppressedAddress: _forget_address,
    LogEntry: _forget_log,
    Forecast: _forget_forecasts,
    Session: _end_sessions,
    Flag.users.through: _leave(Flag.users.through),
    User.groups.through: _leave(User.groups.through),
    User.user_permissions.through: _leave(User.user_permissions.through),
}


def _delete(rows: QuerySet[Any]) -> int:
    deleted, _ = rows.delete()
    return deleted


# --- The person ------------------------------------------------------------------------------------------------------


def withdraw(user_id: UUID) -> None:
    """Have nothing more decided for the person than that nothing is sent; what is left of the row tells who it is."""
    User.objects.filter(id=user_id).update(
        is_active=False, push_tokens=[], notification_preferences={}, avatar_url=None
    )


def forget_name(user_id: UUID) -> None:
    """Have nobody called by the name from here on."""
    User.objects.filter(id=user_id).update(name="")


def remove_person(user_id: UUID) -> bool:
    """Remove the row of `users`, and return whether it was there. Raises IntegrityError while other rows point to it.

    PostgreSQL looks for those itself, in the inboxes from end to end.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", [user_id])
        return bool(cursor.rowcount)

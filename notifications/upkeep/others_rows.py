"""What others got because of one person: it stays theirs, and says "Someone" (spec §4).

No index leads from a person to what the person did, so both tables are read from end to end, in steps that hold no
lock. What is held for a digest is among the deliveries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson
from django.db import connection, transaction

from delivery.rendering import NOBODY, TITLE_LENGTH, render, shorten
from notifications.upkeep import key_ranges
from notifications.upkeep.steps import Step
from notifications.upkeep.traces import Traces, unname
from preferences.catalog import CATALOG

_ID_LENGTH: Final = 50  # resource_id


@dataclass(frozen=True, slots=True)
class _Row:
    """One of somebody else's rows, as far as it can name the person."""

    id: int | str
    type: str
    title: str
    body: str
    resource_type: str | None
    resource_id: str | None
    resource_url: str | None
    resource_title: str | None
    actor_name: str  # as it was when the row was stored, where that is known
    is_by_them: bool


_FIND: Final = """
    SELECT held.id, held.type, held.title, held.body, held.resource_type, held.resource_id, held.resource_url,
           held.resource_title, {actor_name}, COALESCE({is_by_them}, FALSE)
    FROM {table}
    WHERE {which} AND ({is_by_them} OR concat_ws(
        ' ', held.title, held.body, held.resource_id, held.resource_url, held.resource_title) ~* %(pattern)s)
    ORDER BY held.id
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """Where others' rows are: how those that name the person are found, and what unnames them."""

    name: str
    start: int | str  # below all ids
    id_type: str
    found: str  # FROM
    actor_name: str
    is_by_them: str
    key_of_event: str  # the column that has the notification's id
    forget_actor: str  # SET


_INBOXES: Final = _Table(
    name="notifications",
    start="",
    id_type="text",
    found="notifications AS held",
    actor_name="''",
    is_by_them="held.actor_id = %(user)s",
    key_of_event="held.id",
    forget_actor="actor_id = CASE WHEN is_by_them THEN NULL ELSE actor_id END",
)
# A delivery has only a name, which two people may have: what its notification says of the actor decides.
_OUTBOX: Final = _Table(
    name="deliveries",
    start=0,
    id_type="bigint",
    found="deliveries AS held LEFT JOIN notifications ON notifications.id = held.notification_id",
    actor_name="held.actor_name",
    is_by_them="""(notifications.actor_id = %(user)s
        OR (notifications.actor_id IS NULL AND held.actor_name = %(name)s AND held.actor_name <> ''))""",
    key_of_event="held.notification_id",
    forget_actor="actor_name = CASE WHEN is_by_them THEN '' ELSE actor_name END",
)


def unname_deliveries(person: Traces, *, batch: int, rehearse: bool = False) -> Iterator[Step]:
    """Unname all mails and pushes. Before the notifications, which know whose doing they tell of."""
    return _unname_all(_OUTBOX, person, batch=batch, rehearse=rehearse)


def unname_notifications(person: Traces, *, batch: int, rehearse: bool = False) -> Iterator[Step]:
    """Unname all inboxes."""
    return _unname_all(_INBOXES, person, batch=batch, rehearse=rehearse)


def unname_event(notification_ids: Sequence[str], person: Traces) -> None:
    """Unname what an event of the person's doing told others, in one transaction."""
    with transaction.atomic():
        for table in (_OUTBOX, _INBOXES):
            theirs = replace(table, is_by_them="TRUE")
            found = _find(theirs, f"{table.key_of_event} = ANY(%(ids)s)", person, {"ids": list(notification_ids)})
            _write(table, [_unnamed(row, person) for row in found])


def _unname_all(table: _Table, person: Traces, *, batch: int, rehearse: bool) -> Iterator[Step]:
    for span in key_ranges.walk(table.name, time="created_at", limit=batch, start=table.start):
        with transaction.atomic():
            bounds = {"after": span.after, "last": span.last}
            found = _find(table, "held.id > %(after)s AND held.id <= %(last)s", person, bounds)
            if not rehearse:
                _write(table, [_unnamed(row, person) for row in found])
        yield Step(table.name, looked_at=span.rows, changed=len(found))


def _find(table: _Table, which: str, person: Traces, values: Mapping[str, Any]) -> list[_Row]:
    statement = _FIND.format(actor_name=table.actor_name, is_by_them=table.is_by_them, table=table.found, which=which)
    about: dict[str, Any] = {"user": person.user_id, "name": person.name, "pattern": person.pattern}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**about, **values})
        return [_Row(*row) for row in cursor]


def _write(table: _Table, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE.format(table=table.name, forget_actor=table.forget_actor, id_type=table.id_type),
            [orjson.dumps([asdict(row) for row in rows]).decode()],
        )


_WRITE: Final = """
    UPDATE {table} AS held
    SET {forget_actor}, title = unnamed.title, body = unnamed.body, resource_id = unnamed.resource_id,
        resource_url = unnamed.resource_url, resource_title = unnamed.resource_title
    FROM json_to_recordset(%s) AS unnamed
        (id {id_type}, is_by_them boolean, title text, body text, resource_id text, resource_url text,
         resource_title text)
    WHERE held.id = unnamed.id
"""


# --- Texts -------------------------------------------------------------------------------------------------------


def _unnamed(row: _Row, person: Traces) -> _Row:
    """Return the row without the person: what somebody else did keeps its names, but no id and no address."""
    names = (person.name, row.actor_name) if row.is_by_them else ()

    def without(text: str) -> str:
        return person.blot(unname(text, *names))

    cleaned = replace(
        row,
        title=shorten(without(row.title), TITLE_LENGTH),
        body=without(row.body),
        resource_id=row.resource_id and person.blot(row.resource_id)[:_ID_LENGTH],
        resource_url=row.resource_url and person.blot(row.resource_url),
        resource_title=row.resource_title and shorten(without(row.resource_title), TITLE_LENGTH),
    )
    return _reworded(cleaned) if row.is_by_them else cleaned


def _reworded(row: _Row) -> _Row:
    """Say it anew, without the particulars, where a sentence still names somebody: by a name that is not in use any
    more, since the person has changed it."""
    if row.type not in CATALOG:
        return row
    plain = render(
        row.type, actor_name=None, resource_type=row.resource_type, resource_title=row.resource_title, params={}
    )
    title = plain.title if NOBODY in plain.title and NOBODY not in row.title else row.title
    body = plain.body if NOBODY in plain.body and NOBODY not in row.body else row.body
    return replace(row, title=title, body=body)

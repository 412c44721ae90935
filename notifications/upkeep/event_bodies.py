"""Events as they came, in the ledger, waiting, or rejected: taking one person out of them (spec §4).

The ledger and its decisions change together, so an audit never finds a recipient without a decision.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import connection, transaction

from notifications import ids
from notifications.events import InvalidEvent, read_recipients
from notifications.models import RejectedEvent
from notifications.upkeep import key_ranges, others_rows, traces
from notifications.upkeep.steps import Step
from notifications.upkeep.traces import ERASED, Traces

_EVENTS: Final = 100  # looked at together; those that name the person are read
_BODIES: Final = 20  # read together: each may have 1 MiB
_RECIPIENTS: Final = 1_000  # whose rows are changed together


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event of the ledger that names the person."""

    id: int
    source: str
    event_id: str
    occurred_at: datetime
    payload: Any


# --- The ledger --------------------------------------------------------------------------------------------------


def newest() -> int:
    """Return the ledger's last id, 0 when it is empty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM received_events")
        (last,) = cursor.fetchone()
    return int(last)


def clean_ledger(person: Traces, *, after: int = 0, rehearse: bool = False) -> Iterator[Step]:
    """Take the person out of the events behind `after`, out of what was decided about them, and out of what others got
    by them. An event changes after all that it led to, so whoever is killed in between finds it again."""
    for span in key_ranges.walk("received_events", time="received_at", limit=_EVENTS, start=after):
        entries = _read_ledger(person, span)
        if entries and not rehearse:
            _clean(entries, person)
        yield Step("received_events", looked_at=span.rows, changed=len(entries))


_READ: Final = """
    SELECT id, source, event_id, occurred_at, payload FROM received_events
    WHERE id > %s AND id <= %s AND payload::text ~* %s ORDER BY id
"""


def _read_ledger(person: Traces, span: key_ranges.KeyRange) -> list[_Entry]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [span.after, span.last, person.pattern])
        entries = [
            _Entry(ledger_id, source, event_id, occurred_at, orjson.loads(payload))
            for ledger_id, source, event_id, occurred_at, payload in cursor
        ]
    return [entry for entry in entries if traces.without(entry.payload, person) != entry.payload]


_WRITE: Final = """
    UPDATE received_events AS event SET payload = cleaned.payload
    FROM json_to_recordset(%s) AS cleaned (id bigint, payload jsonb) WHERE event.id = cleaned.id
"""

_BLOT_RECIPIENTS: Final = """
    UPDATE decisions SET recipient = left(regexp_replace(recipient, %(pattern)s, %(erased)s, 'gi'), 64)
    WHERE event_id = ANY(%(events)s) AND user_id IS NULL AND recipient ~* %(pattern)s
"""


def _clean(entries: Sequence[_Entry], person: Traces) -> None:
    events = [entry.id for entry in entries]
    cleaned = [{"id": entry.id, "payload": traces.without(entry.payload, person)} for entry in entries]
    for entry in entries:
        if traces.is_actor(entry.payload, person):
            _unname_rows(entry, person)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WRITE, [orjson.dumps(cleaned).decode()])
        cursor.execute("DELETE FROM decisions WHERE event_id = ANY(%s) AND user_id = %s", [events, person.user_id])
        cursor.execute(_BLOT_RECIPIENTS, {"pattern": person.pattern, "erased": ERASED, "events": events})


def _unname_rows(entry: _Entry, person: Traces) -> None:
    """Leave the person out of what the event told its recipients."""
    id_of = ids.for_event(source=entry.source, event_id=entry.event_id, occurred_at=entry.occurred_at)
    try:
        recipients, _ = read_recipients(entry.payload["data"])
    except InvalidEvent:  # those who were there are erased, too
        return
    for start in range(0, len(recipients), _RECIPIENTS):
        others_rows.unname_event([id_of(user_id) for user_id in recipients[start : start + _RECIPIENTS]], person)


# --- Waiting for the intake --------------------------------------------------------------------------------------

_WAITING: Final = "SELECT id, body FROM waiting_events WHERE id > %s AND id <= %s AND body ~* %s ORDER BY id"


def clean_waiting(person: Traces, *, rehearse: bool = False) -> Iterator[Step]:
    """Take the person out of what waits; an event for nobody else goes."""
    for span in key_ranges.walk("waiting_events", time="accepted_at", limit=_BODIES):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_WAITING, [span.after, span.last, person.pattern])
            bodies = {id_: orjson.loads(body) for id_, body in cursor}
            if not rehearse:
                for id_, event in bodies.items():
                    _replace_waiting(id_, traces.without(event, person))
        yield Step("waiting_events", looked_at=span.rows, changed=len(bodies))


def _replace_waiting(id_: int, event: object) -> None:
    with connection.cursor() as cursor:
        if traces.has_recipients(event):
            cursor.execute("UPDATE waiting_events SET body = %s WHERE id = %s", [orjson.dumps(event).decode(), id_])
        else:
            cursor.execute("DELETE FROM waiting_events WHERE id = %s", [id_])


# --- Rejected ----------------------------------------------------------------------------------------------------


def clean_rejected(person: Traces, *, rehearse: bool = False) -> Iterator[Step]:
    """Take the person out of bodies that were not accepted; what cannot be read, and names the person, goes."""
    for span in key_ranges.walk("rejected_events", time="rejected_at", limit=_BODIES):
        changed = 0
        with transaction.atomic():
            for row in RejectedEvent.objects.filter(id__gt=span.after, id__lte=span.last):
                changed += _clean_rejected(row, person, rehearse=rehearse)
        yield Step("rejected_events", looked_at=span.rows, changed=changed)


def _clean_rejected(row: RejectedEvent, person: Traces, *, rehearse: bool) -> bool:
    """Return whether the row named the person."""
    body, is_readable = _body_without(bytes(row.body), person)
    detail = person.blot(row.detail)
    if body == bytes(row.body) and detail == row.detail:
        return False
    if rehearse:
        return True
    digest = hashlib.sha256(body).digest()
    if not is_readable or RejectedEvent.objects.filter(body_digest=digest).exclude(id=row.id).exists():
        row.delete()
    else:
        RejectedEvent.objects.filter(id=row.id).update(body=body, body_digest=digest, detail=detail)
    return True


def _body_without(body: bytes, person: Traces) -> tuple[bytes, bool]:
    """Return the body without the person, and whether it could be read as JSON at all."""
    text = body.decode(errors="replace")
    if not person.are_in(text) and b"\\u" not in body:  # no character of it is written otherwise than it reads
        return body, True
    try:
        document = json.loads(body)  # not orjson, which refuses lone surrogates
    except (ValueError, RecursionError):
        return (b"", False) if person.are_in(text) else (body, True)
    parts = document if isinstance(document, list) else [document]
    cleaned = [traces.without(part, person) for part in parts]
    if cleaned == parts:
        return body, True
    return json.dumps(cleaned if isinstance(document, list) else cleaned[0]).encode(), True

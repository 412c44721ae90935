"""Events that were accepted, found by the id that their producer gave them."""

from typing import Final

from notifications.models import ReceivedEvent

#: Events of different sources under one id that are told apart; more would be no choice any more.
MOST: Final = 20
_MOST_SOURCES: Final = 1_000  # that are looked through

# The unique index begins with the source, of which there are a handful: it is jumped through from one to the next.
# A producer's id alone would have the whole ledger read.
_FIND = """
    WITH RECURSIVE sources AS (
        (SELECT source FROM received_events ORDER BY source LIMIT 1)
        UNION ALL
        SELECT (SELECT source FROM received_events WHERE source > sources.source ORDER BY source LIMIT 1)
        FROM sources WHERE source IS NOT NULL
    )
    SELECT event.id, event.source, event.event_id, event.type, event.occurred_at, event.received_at, event.path
    FROM (SELECT source FROM sources LIMIT %s) AS known
    JOIN received_events AS event ON event.source = known.source AND event.event_id = %s
    ORDER BY event.id DESC LIMIT %s
"""


def find(event_id: str, source: str = "") -> list[ReceivedEvent]:
    """Return the events with this id, of one source or of any, newest first and without their payloads."""
    if source:
        return list(ReceivedEvent.objects.filter(source=source, event_id=event_id).defer("payload"))
    return list(ReceivedEvent.objects.raw(_FIND, [_MOST_SOURCES, event_id, MOST]))

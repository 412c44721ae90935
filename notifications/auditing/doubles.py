"""From the rows inwards: is every row of an audited event the one that its id says?

The id of a notification is computed from event and person, so of two rows for the same event and person one has a
foreign id. No index leads from an event to such a row: the inboxes are walked once by their key, and the deliveries
from the beginning of the window on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from notifications.auditing.findings import Damage, Finding
from notifications.auditing.rows import Entry, read_entries, read_rows
from notifications.auditing.window import Window, first_id
from notifications.models import Decision
from notifications.upkeep import key_ranges
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

#: Rows of one step. PostgreSQL passes most of them over.
STEP: Final = 10_000


@dataclass(frozen=True, slots=True)
class Stray:
    """A row under an id that is not its event's."""

    finding: Finding
    user_id: UUID
    channel: Channel
    id: str  # of the notification, as is the next
    right_id: str  # under which it should be


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows were passed, and what there is among them."""

    rows: int
    doubled: Sequence[Stray]  # the row under the right id is there too
    against: Sequence[Finding]  # it is not, and should not be


class _Claim(NamedTuple):
    """A row, and an event that it may be of."""

    notification_id: str
    channel: str
    user_id: UUID
    ledger_id: int


_IN_INBOX: Final = """
    SELECT id, 'in_app', user_id, event_id FROM notifications
    WHERE id > %(after)s AND id <= %(upto)s AND backfill_id IS NULL AND event_id BETWEEN %(first)s AND %(last)s
"""

# A delivery names no event: it is that of the notification beside it, or else, with in-app off, one that was decided
# for the same person, of the same type and time.
_IN_OUTBOX: Final = """
    WITH rows AS MATERIALIZED (
        SELECT row.notification_id, row.channel, row.user_id, row.type, row.occurred_at,
               beside.id AS beside, beside.event_id
        FROM deliveries AS row LEFT JOIN notifications AS beside ON beside.id = row.notification_id
        WHERE row.id > %(after)s AND row.id <= %(upto)s AND row.type <> 'digest'
    )
    SELECT notification_id, channel, user_id, event_id FROM rows WHERE event_id BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT rows.notification_id, rows.channel, rows.user_id, event.id
    FROM rows JOIN decisions ON decisions.user_id = rows.user_id
        JOIN received_events AS event ON event.id = decisions.event_id
            AND event.type = rows.type AND event.occurred_at = rows.occurred_at
    WHERE rows.beside IS NULL
    ORDER BY notification_id, channel
"""


def walk_inbox(window: Window) -> Iterator[Step]:
    """Walk through all inboxes, and look at what the window's events stored."""
    for span in key_ranges.walk("notifications", time="created_at", limit=STEP, start=""):
        yield _look(_IN_INBOX, span, window)


def walk_outbox(window: Window) -> Iterator[Step]:
    """Walk through what was put on record since the window began."""
    start = first_id("deliveries", time="created_at", since=window.since) - 1
    for span in key_ranges.walk("deliveries", time="created_at", limit=STEP, start=start):
        yield _look(_IN_OUTBOX, span, window)


def _look(statement: str, span: key_ranges.KeyRange, window: Window) -> Step:
    values = {"after": span.after, "upto": span.last, "first": window.first, "last": window.last}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        claims = [_Claim(*row) for row in cursor]
    entries = read_entries({claim.ledger_id for claim in claims})
    return Step(span.rows, *_judge(list(_strays(claims, entries, window))))


def _strays(claims: Sequence[_Claim], entries: Mapping[int, Entry], window: Window) -> Iterator[list[Stray]]:
    """Yield the rows whose id is that of none of the events which they may be of, each once with each of these."""
    for _, same_row in groupby(claims, key=itemgetter(0, 1)):
        possible = [
            (claim, entry, entry.id_of(claim.user_id))
            for claim in same_row
            if (entry := entries.get(claim.ledger_id)) is not None
        ]
        if all(claim.notification_id != right_id for claim, _, right_id in possible):
            audited = [_stray(*about) for about in possible if window.covers(about[1].received_at)]
            if audited:
                yield audited


def _stray(claim: _Claim, entry: Entry, right_id: str) -> Stray:
    channel = Channel(claim.channel)
    finding = Finding(Damage.DOUBLED, channel, entry.id, entry.event_id, claim.user_id, claim.notification_id)
    return Stray(finding, claim.user_id, channel, claim.notification_id, right_id)


# --- What a stray is ---------------------------------------------------------------------------------------------


def _judge(strays: Sequence[Sequence[Stray]]) -> tuple[list[Stray], list[Finding]]:
    """Tell rows that are doubled from rows that should not be; one in place of a missing row is found as that one."""
    if not strays:
        return [], []
    rows = read_rows({stray.right_id for possible in strays for stray in possible})
    refused = _refused([stray.finding for possible in strays for stray in possible])
    doubled, against = [], []
    for possible in strays:
        beside = next((stray for stray in possible if rows.has(stray.right_id, stray.channel)), None)
        if beside is not None:
            doubled.append(beside)
        elif all(_decision_of(stray.finding) in refused for stray in possible):
            against.append(replace(possible[0].finding, damage=Damage.AGAINST_DECISION))
    return doubled, against


def _refused(findings: Sequence[Finding]) -> set[tuple[Any, ...]]:
    """Return what was decided against about these events and people: event, person and channel."""
    decisions = Decision.objects.filter(
        event_id__in={finding.ledger_id for finding in findings}, user_id__in={finding.user_id for finding in findings}
    )
    return {
        (ledger_id, user_id, channel)
        for ledger_id, user_id, *codes in decisions.values_list("event_id", "user_id", *Channel)
        for channel, code in zip(Channel, codes, strict=True)
        if Reason(code).outcome is Outcome.SUPPRESS
    }


def _decision_of(finding: Finding) -> tuple[Any, ...]:
    return finding.ledger_id, finding.user_id, finding.channel

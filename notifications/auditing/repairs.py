"""Putting right what an audit finds about events, by the same functions that do the work every day.

Nothing here is told from a finding alone: each repair looks again, under a lock or by a conditional statement, so it is
safe beside live traffic, twice, and in two places at once.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from django.db import connection, transaction

from delivery import dispatch
from notifications import pipeline, records
from notifications.auditing import ledger, restoring
from notifications.auditing.findings import Account, Damage, Finding
from notifications.auditing.rows import Rows, read_rows
from notifications.events import Event, InvalidEvent, read_event
from notifications.models import ReceivedEvent
from notifications.pipeline import Written
from notifications.verdicts import Address, Recorded, Verdict
from preferences.catalog import Channel
from preferences.decisions import Decision, Decisions, Outcome, Reason
from preferences.outages import is_outage

logger = logging.getLogger(__name__)


def mend_events(ledger_ids: Sequence[int]) -> Account:
    """Put right what can be about these events, and return what was found and what is left.

    One transaction, by halves when an event makes it fail; what fails alone stays as it is. Bells and workers are
    called after the commit. Raises a DatabaseError for which `is_outage` holds.
    """
    try:
        account, written = _mend_together(ledger_ids)
    except Exception as error:  # an id that is taken, a template that fails: the others are mended all the same
        if is_outage(error):
            raise
        if len(ledger_ids) == 1:
            logger.warning("event not repaired", extra={"ledger_id": ledger_ids[0], "error": type(error).__name__})
            return ledger.look(ledger_ids)
        middle = len(ledger_ids) // 2
        return mend_events(ledger_ids[:middle]) + mend_events(ledger_ids[middle:])
    pipeline.ring(written.stored)
    dispatch.wake(written.due)
    return account


def _mend_together(ledger_ids: Sequence[int]) -> tuple[Account, Written]:
    with transaction.atomic():
        # Two repairs of an event come one after the other; the intake does not wait for them.
        list(ReceivedEvent.objects.select_for_update(no_key=True).filter(id__in=ledger_ids).order_by("id").values("id"))
        found = ledger.look(ledger_ids)
        if not found.found:
            return found, Written()
        recorded = _read_events({one.ledger_id for one in found.found})
        _forget_doubled(found.found)
        _decide_lost(found.found, recorded)
        decided = ledger.look(ledger_ids)
        written = restoring.store_missing(decided.found, recorded)
        _follow_digests(decided.found)
        left = ledger.look(ledger_ids)
    return replace(left, found=found.found, left=left.found), written


def _read_events(ledger_ids: Collection[int]) -> dict[int, Recorded]:
    """Read the events from the ledger. One that would not be accepted today cannot be carried out again."""
    rows = ReceivedEvent.objects.filter(id__in=ledger_ids)
    events = ((row.id, _read_event(row)) for row in rows.iterator(chunk_size=100))
    return {ledger_id: Recorded(ledger_id, event) for ledger_id, event in events if event is not None}


def _read_event(row: ReceivedEvent) -> Event | None:
    try:
        event = read_event(row.payload, sent_at=row.occurred_at, now=row.received_at)
    except InvalidEvent as error:
        logger.warning("event not repaired", extra={"ledger_id": row.id, "reason": error.reason})
        return None
    return replace(event, source=row.source, id=row.event_id, occurred_at=row.occurred_at)


# --- Decisions ---------------------------------------------------------------------------------------------------


def _decide_lost(found: Sequence[Finding], recorded: Mapping[int, Recorded]) -> None:
    """Decide for the recipients who were forgotten, as things are now."""
    people: list[Address] = []
    malformed: dict[int, list[str]] = defaultdict(list)
    for one in found:
        if one.damage is not Damage.LOST_DECISION or one.ledger_id not in recorded:
            continue
        if one.user_id is not None:
            people.append(Address(recorded[one.ledger_id], one.user_id, one.notification_id))
        else:
            malformed[one.ledger_id].append(one.recipient)
    verdicts = pipeline.decide_all(people)
    rows = read_rows({address.notification_id for address in people})
    records.record_decisions([_as_evidenced(verdict, rows) for verdict in verdicts])
    records.record_malformed_recipients(
        [
            replace(entry, event=replace(entry.event, malformed_recipients=tuple(texts)))
            for entry, texts in ((recorded[ledger_id], texts) for ledger_id, texts in malformed.items())
        ]
    )


def _as_evidenced(verdict: Verdict, rows: Rows) -> Verdict:
    """Where there is a row, the lost decision was for it, whatever it would be now."""

    def evidenced(channel: Channel) -> Decision:
        decision = verdict.decisions[channel]
        is_denied = decision.outcome is Outcome.SUPPRESS and rows.has(verdict.address.notification_id, channel)
        return Decision(Reason.PREFERENCE_ON) if is_denied else decision

    return replace(verdict, decisions=Decisions(*map(evidenced, Channel)))


_FORGET_DOUBLED: Final = """
    DELETE FROM decisions AS doubled USING decisions AS first
    WHERE doubled.event_id = ANY(%s) AND doubled.user_id IS NULL
        AND first.event_id = doubled.event_id AND first.user_id IS NULL AND first.recipient = doubled.recipient
        AND first.id < doubled.id
"""


def _forget_doubled(found: Sequence[Finding]) -> None:
    """Keep the first decision about what is no user id."""
    if doubled := [one.ledger_id for one in found if one.damage is Damage.DOUBLED]:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET_DOUBLED, [doubled])


# --- Digests -----------------------------------------------------------------------------------------------------

_FOLLOW: Final = """
    UPDATE deliveries AS item
    SET state = digest.state, reason = digest.reason, sent_at = digest.sent_at, updated_at = statement_timestamp()
    FROM deliveries AS digest
    WHERE item.notification_id = ANY(%(ids)s) AND item.channel = 'email' AND item.state = 'held'
        AND digest.id = item.digest_id AND digest.state = ANY(%(ended)s)
"""


def _follow_digests(found: Sequence[Finding]) -> None:
    """Give what was gathered the end of its digest."""
    if stranded := [one.notification_id for one in found if one.damage is Damage.STRANDED_ITEM]:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW, {"ids": stranded, "ended": [state.value for state in ledger.ENDED]})

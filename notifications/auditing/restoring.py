"""Storing again what was decided and is not there: in its decision's name, under the same id, in today's words."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from delivery import dispatch, recipients
from notifications import pipeline, records
from notifications.auditing.findings import Damage, Finding
from notifications.events import Event
from notifications.models import Decision as DecisionRow
from notifications.models import Notification
from notifications.pipeline import Stored, Written
from notifications.verdicts import Address, NewNotification, Recorded, Verdict
from preferences import people
from preferences.catalog import Channel
from preferences.decisions import Decision, Decisions, Outcome, Reason, Recipient, decide

#: An event's row in the ledger, and a person.
Key = tuple[int, UUID]

_MISSING: Final = frozenset({Damage.MISSING_NOTIFICATION, Damage.MISSING_DELIVERY})


def store_missing(found: Sequence[Finding], recorded: Mapping[int, Recorded]) -> Written:
    """Fill the inboxes and put on record what is missing of these events, in the caller's transaction.

    What is stored again is unread and rings, as it would have: nobody can have seen it, and an open bell would show
    another count than the inbox. Raises IdCollision.
    """
    missing: dict[Key, set[Channel]] = defaultdict(set)
    for one in found:
        if one.damage in _MISSING and one.ledger_id in recorded and one.user_id and one.channel:
            missing[one.ledger_id, one.user_id].add(one.channel)
    restored = [
        (notification, missing[notification.verdict.address.recorded.ledger_id, notification.user_id])
        for notification in _restore(missing.keys(), recorded)
    ]
    stored = records.store_notifications([one for one, channels in restored if Channel.IN_APP in channels])
    due = dispatch.record(
        [delivery for one, channels in restored for delivery in one.deliveries() if delivery.channel in channels]
    )
    _cancel_read([one.id for one, _ in restored])
    return Written([Stored(one.user_id, one.as_item(stored_at)) for one, stored_at in stored], due)


def _restore(keys: Collection[Key], recorded: Mapping[int, Recorded]) -> list[NewNotification]:
    """Return the notifications of these events and people as they were decided."""
    events = {ledger_id: recorded[ledger_id].event for ledger_id, _ in keys}
    actors = people.load({event.actor_id for event in events.values() if event.actor_id})
    contents = {ledger_id: pipeline.render_event(event, actors) for ledger_id, event in events.items()}
    return [
        NewNotification(verdict, contents[ledger_id], actors.get(actor_id) if actor_id else None)
        for verdict in _verdicts(keys, recorded)
        for ledger_id in [verdict.address.recorded.ledger_id]
        for actor_id in [events[ledger_id].actor_id]
    ]


def _verdicts(keys: Collection[Key], recorded: Mapping[int, Recorded]) -> list[Verdict]:
    """Read what was decided."""
    user_ids = {user_id for _, user_id in keys}
    known = recipients.load(user_ids)
    rows = DecisionRow.objects.filter(event_id__in={ledger_id for ledger_id, _ in keys}, user_id__in=user_ids)
    now = timezone.now()
    return [
        Verdict(
            Address(entry, user_id, entry.event.notification_ids()(user_id)),
            Decisions(*(_as_decided(code, entry.event, known.get(user_id), now) for code in codes)),
        )
        for ledger_id, user_id, *codes in rows.values_list("event_id", "user_id", *Channel)
        if user_id is not None and (ledger_id, user_id) in keys
        for entry in [recorded[ledger_id]]
    ]


def _as_decided(code: str, event: Event, recipient: Recipient | None, now: datetime) -> Decision:
    """Return the decision of this code. What was to be held goes into the next digest that the person wants now."""
    reason = Reason(code)
    if reason.outcome is not Outcome.HOLD:
        return Decision(reason)
    at_present = decide(event.type, recipient, actor_id=None, occurred_at=now, now=now).email
    return Decision(reason, until=at_present.until or now)


def _cancel_read(notification_ids: Collection[str]) -> None:
    """Let nothing go out that was read in the bell before."""
    read = Notification.objects.filter(id__in=notification_ids, read_at__isnull=False)
    dispatch.cancel(list(read.values_list("id", flat=True)))

"""Reads what is on record about an event and the people whom it concerned: a handful of queries for one or for fifty.

Bodies and payloads are never read, and of devices only their names.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from django.utils import timezone
from waffle.models import Switch

from delivery import lanes, retry_log
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.registry import LANES, OUTBOUND
from notifications import ids
from notifications.models import Decision, Notification, ReceivedEvent
from notifications.tracing import addressees
from notifications.tracing.addressees import Addressee
from notifications.tracing.evidence import Conditions, Evidence
from notifications.tracing.grounds import carrier_of
from preferences import rollout
from preferences.catalog import Channel
from preferences.decisions import Reason

#: A decision is written in the transaction of its deliveries, and before them; which takes seconds at the longest.
_ONE_TRANSACTION: Final = timedelta(minutes=1)
_DECISIONS_OF_THEN: Final = 200  # of one user, that are looked at for the one that made a delivery
_HIDDEN: Final = ("body", "digest__body")


class Case(NamedTuple):
    """What of the evidence is known already."""

    user_id: UUID | None
    recipient: str = ""  # what the producer gave in place of a user id
    event: ReceivedEvent | None = None
    decision: Decision | None = None
    notification_id: str = ""


# --- Ways in ---------------------------------------------------------------------------------------------------


def of_decisions(
    event: ReceivedEvent, decisions: Sequence[Decision], *, known: Collection[Addressee] = ()
) -> list[Evidence]:
    """Gather what the event meant for these recipients, of whom some may be known already."""
    id_of = ids.for_event(source=event.source, event_id=event.event_id, occurred_at=event.occurred_at)
    return gather(
        [
            Case(
                decision.user_id,
                recipient=decision.recipient,
                event=event,
                decision=decision,
                notification_id=id_of(decision.user_id) if decision.user_id else "",
            )
            for decision in decisions
        ],
        {addressee.user_id: addressee for addressee in known if addressee.user_id},
    )


def of_notification(notification_id: str) -> Evidence | None:
    """Gather what is on record under a notification's id, also where in-app is off; None: nothing."""
    stored = Notification.objects.filter(id=notification_id).values_list("user_id", "event_id").first()
    if stored is not None:
        user_id, ledger_id = stored
        event = ReceivedEvent.objects.filter(id=ledger_id).defer("payload").first() if ledger_id else None
        decision = Decision.objects.filter(event=event, user_id=user_id).first() if event else None
        return gather([Case(user_id, event=event, decision=decision, notification_id=notification_id)])[0]
    delivery = Delivery.objects.filter(notification_id=notification_id).only("user_id", "created_at").first()
    if delivery is None:
        return None
    decision = _decision_behind(notification_id, delivery)
    event = decision.event if decision else None
    return gather([Case(delivery.user_id, event=event, decision=decision, notification_id=notification_id)])[0]


def _decision_behind(notification_id: str, delivery: Delivery) -> Decision | None:
    """Find the decision that made a delivery whose notification is not in the inbox: nothing points there."""
    then = (delivery.created_at - _ONE_TRANSACTION, delivery.created_at)
    around = Decision.objects.filter(user_id=delivery.user_id, decided_at__range=then)
    for decision in around.select_related("event").defer("event__payload")[:_DECISIONS_OF_THEN]:
        event = decision.event
        id_of = ids.for_event(source=event.source, event_id=event.event_id, occurred_at=event.occurred_at)
        if id_of(delivery.user_id) == notification_id:
            return decision
    return None


# --- Gathering -------------------------------------------------------------------------------------------------


def gather(cases: Sequence[Case], known: Mapping[UUID, Addressee] = MappingProxyType({})) -> list[Evidence]:
    """Fill in the cases, in their order: one query a table, whatever their number."""
    known = {**known, **addressees.load({case.user_id for case in cases if case.user_id} - known.keys())}
    wanted = [case.notification_id for case in cases if case.notification_id]
    notifications = Notification.objects.defer("body").in_bulk(wanted) if wanted else {}
    deliveries = _deliveries(wanted)
    conditions = conditions_of(deliveries.values())
    now = timezone.now()
    return _with_suppressions(
        [
            Evidence(
                addressee=_addressee(case, known),
                now=now,
                event=case.event,
                decision=case.decision,
                notification_id=case.notification_id,
                notification=notifications.get(case.notification_id),
                deliveries={
                    channel: deliveries[key]
                    for channel in OUTBOUND
                    if (key := (case.notification_id, channel)) in deliveries
                },
                conditions=conditions,
            )
            for case in cases
        ]
    )


def _deliveries(notification_ids: Sequence[str]) -> dict[tuple[str, Channel], Delivery]:
    if not notification_ids:
        return {}
    rows = Delivery.objects.filter(notification_id__in=notification_ids).select_related("digest").defer(*_HIDDEN)
    return {(row.notification_id, Channel(row.channel)): row for row in rows}


def _addressee(case: Case, known: Mapping[UUID, Addressee]) -> Addressee:
    if case.user_id is None:
        return addressees.malformed(case.recipient)
    return known.get(case.user_id) or addressees.unknown(case.user_id)


def _with_suppressions(found: Sequence[Evidence]) -> list[Evidence]:
    """Add since when and why addresses get no mail, where that was a reason, or is one for what comes."""
    concerned = {one.addressee.address_hash for one in found if _is_about_address(one)} - {b""}
    if not concerned:
        return list(found)
    rows = SuppressedAddress.objects.filter(address_hash__in=concerned)
    by_hash = {bytes(row.address_hash): row for row in rows}
    return [replace(one, suppression=by_hash.get(one.addressee.address_hash)) for one in found]


def _is_about_address(evidence: Evidence) -> bool:
    """Whether it was left out for its address, or went out, so that it may have come back or been complained about."""
    mail = evidence.deliveries.get(Channel.EMAIL)
    if mail is None:
        return evidence.reason(Channel.EMAIL) is Reason.ADDRESS_SUPPRESSED
    return bool(mail.sent_at or mail.provider_error) or mail.reason == Reason.ADDRESS_SUPPRESSED


def with_retrials(evidence: Evidence) -> Evidence:
    """Add who had its deliveries, or what carries them, sent once more."""
    deliveries = evidence.deliveries.values()
    ids = {one.id for delivery in deliveries for one in (delivery, carrier_of(delivery))}
    return replace(evidence, retrials=retry_log.read(ids))


def conditions_of(deliveries: Iterable[Delivery]) -> Conditions:
    """Ask for what holds deliveries up, where any waits."""
    if all(carrier_of(delivery).state != State.PENDING for delivery in deliveries):
        return Conditions()
    return Conditions(
        # Not by rollout.current(), which would read the flag too.
        is_killed=Switch.objects.filter(name=rollout.KILL_SWITCH, active=True).exists(),
        blocked_lanes=frozenset(lane for lane in LANES if lanes.is_blocked(lane)),
    )

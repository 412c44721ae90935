"""A last look before sending: what was wanted when the event came may not be wanted any more (spec §6).

It asks the same pure `decide` as the pipeline, with the user's choices, address and devices as they are now. That a
notification was read meanwhile is told by the inbox, which cancels what waits (dispatch.cancel).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from delivery import recipients
from delivery.models import Delivery, State
from delivery.transports.contract import Outgoing
from preferences.catalog import CATALOG, Channel
from preferences.decisions import Decision, Outcome, Reason, Recipient, decide
from preferences.models import User


@dataclass(frozen=True, slots=True)
class Checked:
    """What may go, and what may not any more, with what was decided about it instead."""

    ready: list[Outgoing] = field(default_factory=list)
    changed: list[tuple[Delivery, Decision]] = field(default_factory=list)


def recheck(channel: Channel, deliveries: Sequence[Delivery]) -> Checked:
    """Decide anew for each delivery, and for each item of those that are digests."""
    now = timezone.now()
    users = User.objects.in_bulk({delivery.user_id for delivery in deliveries})
    now_known = recipients.load(users)
    checked = Checked()
    for delivery in deliveries:
        recipient = now_known.get(delivery.user_id)
        items = (
            list(delivery.items.filter(state=State.HELD).order_by("occurred_at", "id")) if delivery.is_digest else []
        )
        decided = [(item, decide_again(channel, item, recipient, now)) for item in items]
        wanted = [item for item, decision in decided if decision.outcome is not Outcome.SUPPRESS]
        refused = [(item, decision) for item, decision in decided if decision.outcome is Outcome.SUPPRESS]
        checked.changed.extend(refused)
        if delivery.is_digest:
            decision = _of_digest(wanted, refused)
        else:
            decision = decide_again(channel, delivery, recipient, now)
        if decision.outcome is Outcome.SEND:
            checked.ready.append(Outgoing(delivery, users[delivery.user_id], wanted))
        else:
            checked.changed.append((delivery, decision))
    return checked


def decide_again(channel: Channel, delivery: Delivery, recipient: Recipient | None, now: datetime) -> Decision:
    """Return what the channel's decision about the delivery's event would be now."""
    type_ = CATALOG.get(delivery.type)
    if type_ is None:
        return Decision(Reason.UNKNOWN_TYPE)
    # What was held has no age: the digest is the moment that the user chose for it.
    occurred_at = now if delivery.state == State.HELD else delivery.occurred_at
    return decide(type_, recipient, actor_id=None, occurred_at=occurred_at, now=now)[channel]


def _of_digest(wanted: Sequence[Delivery], refused: Sequence[tuple[Delivery, Decision]]) -> Decision:
    """A digest goes out when anything is left to say, and else for the reason that took the first item away."""
    if wanted:
        return Decision(Reason.PREFERENCE_ON)
    return refused[0][1] if refused else Decision(Reason.ALREADY_READ)

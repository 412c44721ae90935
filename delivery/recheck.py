"""A last look before sending: what was wanted when the event came may not be wanted any more (spec §6).

It asks the same pure `decide` as the pipeline, with the user's choices, address and devices as they are now. That a
notification was read meanwhile is told by the inbox, which cancels what waits (dispatch.cancel).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone

from delivery import badges, recipients
from delivery.models import Delivery, State
from delivery.transports.contract import Outgoing
from preferences import push_tokens
from preferences.catalog import CATALOG, Channel
from preferences.decisions import Decision, Outcome, Reason, Recipient, decide
from preferences.models import User

#: A delivery with what was decided about it instead.
Refused = tuple[Delivery, Decision]


@dataclass(frozen=True, slots=True)
class Checked:
    """What may go, and what may not any more, with what was decided about it instead."""

    ready: list[Outgoing] = field(default_factory=list)
    changed: list[Refused] = field(default_factory=list)


def recheck(channel: Channel, deliveries: Sequence[Delivery]) -> Checked:
    """Decide anew for each delivery, and for each item of those that are digests."""
    users = User.objects.in_bulk({delivery.user_id for delivery in deliveries})
    known = recipients.load(users)
    unread = badges.count(users) if channel is Channel.PUSH else {}
    now = timezone.now()
    checked = Checked()
    for delivery in deliveries:
        recipient = known.get(delivery.user_id)
        items: Sequence[Delivery] = ()
        if delivery.is_digest:
            items, refused = _items(delivery, recipient, now)
            checked.changed.extend(refused)
            decision = _of_digest(items, refused)
        else:
            decision = decide_again(channel, delivery, recipient, now)
        if decision.outcome is Outcome.SEND:
            user = users[delivery.user_id]
            checked.ready.extend(_addressed(channel, delivery, user, items, badge=unread.get(user.id, 0)))
        else:
            checked.changed.append((delivery, decision))
    return checked


_OLD = """
    SELECT id, type, occurred_at FROM deliveries
    WHERE id = ANY(%s) AND channel = %s AND state = 'pending' AND type = ANY(%s) AND occurred_at < %s
"""


def too_old(channel: Channel, ids: Collection[int]) -> set[int]:
    """Return which of these waiting deliveries no decision can send any more: they are beyond their type's age."""
    now = timezone.now()
    ages = {name: type_.max_age[channel] for name, type_ in CATALOG.items()}
    with connection.cursor() as cursor:
        cursor.execute(_OLD, [list(ids), channel.value, list(ages), now - min(ages.values())])
        return {id_ for id_, type_name, occurred_at in cursor if now - occurred_at > ages[type_name]}


def _addressed(
    channel: Channel, delivery: Delivery, user: User, items: Sequence[Delivery], *, badge: int
) -> Iterator[Outgoing]:
    """Return one to the user's address, or one to each device that has given no final answer yet."""
    if channel is not Channel.PUSH:
        yield Outgoing(delivery, user, items)
        return
    for device in push_tokens.devices(user.push_tokens):
        if device.device_id not in delivery.devices:
            yield Outgoing(delivery, user, device=device, badge=badge)


def _items(digest: Delivery, recipient: Recipient | None, now: datetime) -> tuple[list[Delivery], list[Refused]]:
    """Return what the digest gathers and is still wanted, and what is not."""
    held = digest.items.filter(state=State.HELD).order_by("occurred_at", "id")
    decided = [(item, decide_again(Channel.EMAIL, item, recipient, now)) for item in held]
    wanted = [item for item, decision in decided if decision.outcome is not Outcome.SUPPRESS]
    return wanted, [(item, decision) for item, decision in decided if decision.outcome is Outcome.SUPPRESS]


def decide_again(channel: Channel, delivery: Delivery, recipient: Recipient | None, now: datetime) -> Decision:
    """Return what the channel's decision about the delivery's event would be now."""
    type_ = CATALOG.get(delivery.type)
    if type_ is None:
        return Decision(Reason.UNKNOWN_TYPE)
    if delivery.reason == Reason.ALREADY_READ:  # while another attempt had it in hand
        return Decision(Reason.ALREADY_READ)
    # What was held has no age: the digest is the moment that the user chose for it.
    occurred_at = now if delivery.state == State.HELD else delivery.occurred_at
    return decide(type_, recipient, actor_id=None, occurred_at=occurred_at, now=now)[channel]


def _of_digest(wanted: Sequence[Delivery], refused: Sequence[Refused]) -> Decision:
    """A digest goes out when anything is left to say, and else for the reason that took the first item away."""
    if wanted:
        return Decision(Reason.PREFERENCE_ON)
    return refused[0][1] if refused else Decision(Reason.ALREADY_READ)

"""SES's own word on what became of a mail, applied once (spec §6 "SES feedback").

It may come before our record of having sent the mail, and in any order. So states only move forward, and whoever
sent the mail (delivery/attempts.py) finds the row moved and leaves it so.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from delivery import delivery_metrics, ses_events, suppressions
from delivery.models import Delivery, SesMessage, State
from delivery.ses_events import SesEvent
from delivery.sns import Message
from preferences.catalog import Channel

logger = logging.getLogger(__name__)

#: The states that each may follow. Pending and failed too: the worker may have died, or lost the answer, after SES
#: took the mail. A late "delivered" never undoes a bounce, nor anything what we suppressed ourselves.
_BEFORE: Final[Mapping[State, tuple[State, ...]]] = {
    State.DELIVERED: (State.PENDING, State.SENDING, State.SENT, State.FAILED),
    State.BOUNCED: (State.PENDING, State.SENDING, State.SENT, State.FAILED, State.DELIVERED),
}
_ON_ITS_WAY: Final = (State.PENDING, State.SENDING, State.SENT)
#: How long a mail may be unknown to us after SES reported on it; SNS repeats what was refused after 20 s.
_OUR_RECORD: Final = timedelta(seconds=30)


class TooEarly(Exception):
    """No delivery has the mail's id yet, and one may get it any moment: SNS shall repeat the message."""


def apply(message: Message) -> None:
    """Apply what the message reports, all or nothing, and once however often it comes.

    Raises ses_events.InvalidEvent, or TooEarly.
    """
    event = ses_events.read(message.text)
    if event is None:
        return
    with transaction.atomic():
        if not _is_new(message):
            return
        delivery_id = _find(event)
        for address in event.suppress:
            for form in _forms(address):
                # Of a mail that we do not know any more: its person may have been erased.
                suppressions.add(form, event.cause, event.note, in_plain=delivery_id is not None)
        if delivery_id is None and event.delivery_id is None and timezone.now() - message.sent_at < _OUR_RECORD:
            raise TooEarly
        moved = delivery_id is not None and _move(delivery_id, event)
    delivery_metrics.reported(event)
    logger.info(
        "mail reported on", extra={"delivery_id": delivery_id, "state": event.state, "moved": moved, "note": event.note}
    )


def _is_new(message: Message) -> bool:
    """Whether nobody has applied the message; whoever is applying it just now is waited for."""
    _, created = SesMessage.objects.get_or_create(id=message.id)
    return created


def _find(event: SesEvent) -> int | None:
    """Return the delivery by our tag, else by SES's id for its mail."""
    mails = Delivery.objects.filter(channel=Channel.EMAIL)
    which = {"id": event.delivery_id} if event.delivery_id is not None else {"provider_id": event.provider_id}
    return mails.filter(**which).values_list("id", flat=True).first()


def _move(delivery_id: int, event: SesEvent) -> bool:
    """Move the delivery forward, and with a digest what it gathers; whether there was anything to move."""
    if event.state is None:
        return _annotate(delivery_id, event, _ON_ITS_WAY)
    now, before = timezone.now(), _BEFORE[event.state]
    moved = {"state": event.state, "reason": "", "updated_at": now}  # it went out, even if it was read meanwhile
    words = {"provider_error": event.note} if event.note else {}
    mail = Delivery.objects.filter(id=delivery_id, state__in=before)
    if not mail.update(**moved, **words, provider_id=event.provider_id, lease_until=None):
        # Whoever complains does so after the mail arrived, of which SES has told us then.
        return event.state is State.DELIVERED and _annotate(delivery_id, event, [State.DELIVERED])
    gathered = Delivery.objects.filter(digest_id=delivery_id, state__in=[State.HELD, *before])
    gathered.update(**moved)
    return True


def _annotate(delivery_id: int, event: SesEvent, states: Sequence[State]) -> bool:
    """Note what SES says of a mail that stays where it is, and when."""
    mail = Delivery.objects.filter(id=delivery_id, state__in=states)
    return bool(event.note) and bool(mail.update(provider_error=event.note, updated_at=timezone.now()))


def _forms(address: str) -> Iterator[str]:
    """Yield the address as SES writes it, and as people may have: mail goes out with its domain in punycode."""
    yield address
    local, _, domain = address.rpartition("@")
    try:
        readable = f"{local}@{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return
    if readable != address:
        yield readable

"""Failed deliveries, once more: after a fix of ours, or the provider's (spec §8).

A retry only puts the row back to where a worker finds it. Everything else holds as at the first time: the last look
before sending still asks what the person wants now, and what is too old by then is not sent late.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from delivery import dispatch, recipients
from delivery.dispatch import Due
from delivery.models import Delivery, State
from delivery.outcomes import ACCEPTED
from delivery.recheck import decide_again
from preferences.catalog import Channel
from preferences.decisions import Reason, Recipient

#: A device's answers that stay: asking again would push twice, or nobody. Any other refusal may be mended by now.
ANSWERS_FOR_GOOD: Final = frozenset({ACCEPTED, "UNREGISTERED", "Unregistered", "BadDeviceToken"})


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry came to, in deliveries."""

    called: int = 0  # a worker will try them
    too_old: int = 0  # would not be sent late: they stay as they are
    not_failed: int = 0  # there is nothing to retry, or somebody else was faster

    def __add__(self, other: "Retried") -> "Retried":
        return Retried(self.called + other.called, self.too_old + other.too_old, self.not_failed + other.not_failed)

    def __str__(self) -> str:
        """Return a sentence for whoever asked for it."""
        told = [f"{self.called} will be tried once more."]
        if self.too_old:
            told.append(f"{self.too_old} too old to be sent late.")
        if self.not_failed:
            told.append(f"{self.not_failed} not failed: nothing to do.")
        return " ".join(told)


def find(*, channel: Channel | None = None, since: datetime | None = None, error: str = "") -> QuerySet[Delivery]:
    """Return failed deliveries: of one channel, that failed since then (aware), with this provider's code.

    What a digest gathered is left to its digest.
    """
    failed = Delivery.objects.filter(state=State.FAILED, digest=None)
    if channel is not None:
        failed = failed.filter(channel=channel)
    if since is not None:
        failed = failed.filter(updated_at__gte=since)
    return failed.filter(provider_error=error) if error else failed


def retry(deliveries: QuerySet[Delivery]) -> Retried:
    """Have workers try those of the deliveries that failed. Safe to repeat and to kill."""
    return sum(retry_in_batches(deliveries), Retried())


def retry_in_batches(deliveries: QuerySet[Delivery], *, batch: int = 1_000, dry_run: bool = False) -> Iterator[Retried]:
    """Do it one transaction a batch, and yield what each came to; a dry run only says what it would."""
    last_id = 0
    while some := list(deliveries.filter(id__gt=last_id).order_by("id")[:batch]):
        yield _retry(some, dry_run=dry_run)
        last_id = some[-1].id


def _retry(some: Sequence[Delivery], *, dry_run: bool) -> Retried:
    failed = [delivery for delivery in some if delivery.state == State.FAILED]
    mails = _whole(failed)
    known = recipients.load({delivery.user_id for delivery in mails})
    now = timezone.now()
    young = [delivery.id for delivery in mails if not _is_too_old(delivery, known, now)]
    called = len(young) if dry_run else _put_back(young)
    return Retried(called, len(mails) - len(young), not_failed=len(some) - len(failed) + len(young) - called)


def _whole(failed: Sequence[Delivery]) -> Sequence[Delivery]:
    """Return the deliveries, with the digest in place of what it gathered: that was never to be sent by itself."""
    alone = [delivery for delivery in failed if delivery.digest_id is None]
    digests = {delivery.digest_id for delivery in failed if delivery.digest_id} - {delivery.id for delivery in alone}
    return [*alone, *Delivery.objects.filter(id__in=digests, state=State.FAILED)] if digests else alone


def _is_too_old(delivery: Delivery, known: Mapping[UUID, Recipient], now: datetime) -> bool:
    """Whether the last look before sending would find it so. A digest has no age."""
    if delivery.is_digest:
        return False
    return decide_again(Channel(delivery.channel), delivery, known.get(delivery.user_id), now).reason is Reason.STALE


# The refusal stays on record until there is another answer.
_PUT_BACK = """
    UPDATE deliveries
    SET state = 'pending', attempts = 0, due_at = statement_timestamp(), woken_at = statement_timestamp(),
        updated_at = statement_timestamp(), lease_until = NULL,
        devices = (SELECT COALESCE(jsonb_object_agg(key, value), '{}')
                   FROM jsonb_each_text(devices) WHERE value = ANY(%(for_good)s))
    WHERE id = ANY(%(ids)s) AND state = 'failed'
    RETURNING id, channel
"""

# What a digest gathered has shared its end.
_HOLD_ITEMS = """
    UPDATE deliveries SET state = 'held', updated_at = statement_timestamp()
    WHERE digest_id = ANY(%s) AND state = 'failed'
"""


def _put_back(ids: Sequence[int]) -> int:
    """Make those that are still failed due now, and call workers after the commit; return how many."""
    if not ids:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, {"ids": list(ids), "for_good": list(ANSWERS_FOR_GOOD)})
        due = [Due(id_, Channel(channel)) for id_, channel in cursor.fetchall()]
        cursor.execute(_HOLD_ITEMS, [[delivery.id for delivery in due]])
        transaction.on_commit(partial(dispatch.wake, due))
    return len(due)

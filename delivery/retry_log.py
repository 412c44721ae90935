"""Who had failed deliveries sent once more, and how they had failed by then.

A retry begins anew, so the row forgets its first end. Django's admin log keeps it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from delivery.models import Delivery

_ASKED: Final = "Asked to have it sent once more."


@dataclass(frozen=True, slots=True)
class Retrial:
    """One press of the button, at the instant `at` (aware): for what, by whom, and how it had failed by then."""

    delivery_id: int
    at: datetime
    by: str
    failure: str  # a sentence


def record(user_id: UUID, failed: Iterable[Delivery]) -> None:
    """Note that somebody who works in the admin asked for these, which have failed."""
    content_type = ContentType.objects.get_for_model(Delivery)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user_id,
            content_type=content_type,
            object_id=str(delivery.id),
            object_repr=str(delivery),
            action_flag=CHANGE,
            change_message=f"{_ASKED} {_end_of(delivery)}",
        )
        for delivery in failed
    )


def read(delivery_ids: Collection[int]) -> Sequence[Retrial]:
    """Return who asked for these, the first press first."""
    if not delivery_ids:
        return []
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Delivery),
        object_id__in=[str(id_) for id_ in delivery_ids],
        change_message__startswith=_ASKED,
    )
    found = entries.order_by("id").values_list("object_id", "action_time", "user__name", "change_message")
    return [Retrial(int(id_ or 0), at, by, words.removeprefix(_ASKED).strip()) for id_, at, by, words in found]


def _end_of(failed: Delivery) -> str:
    """Return "It had failed on 04 Mar 2026, 12:00:05 UTC with MessageRejected, attempt 8."."""
    code = f" with {failed.provider_error}" if failed.provider_error else ""
    return f"It had failed on {failed.updated_at:%d %b %Y, %H:%M:%S} UTC{code}, attempt {failed.attempts}."

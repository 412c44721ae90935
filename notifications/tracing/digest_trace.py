"""The story of a digest mail: what it gathered, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from delivery.models import DIGEST, Delivery
from notifications.tracing import addressees, gathering, outbound_fates, outbound_steps
from notifications.tracing.clock import Clock
from notifications.tracing.evidence import Evidence
from notifications.tracing.grounds import digest_name
from notifications.tracing.steps import Stage, Step, in_order
from preferences.catalog import Channel

PREFIX: Final = "dig_"
#: Notifications of one digest that are named.
_NAMED: Final = 50


@dataclass(frozen=True, slots=True)
class DigestStory:
    """What became of a digest."""

    evidence: Evidence
    answer: str
    steps: Sequence[Step]


def read(digest_id: str) -> DigestStory | None:
    """Return the digest's story, or None when there is no such digest."""
    digest = Delivery.objects.filter(notification_id=digest_id, type=DIGEST).defer("body").first()
    if digest is None:
        return None
    found = gathering.with_retrials(
        Evidence(
            addressee=addressees.get(digest.user_id),
            now=timezone.now(),
            notification_id=digest_id,
            deliveries={Channel.EMAIL: digest},
            conditions=gathering.conditions_of([digest]),
        )
    )
    clause = outbound_fates.of_channel(found, Channel.EMAIL).clause
    name = digest_name(found, digest, clock=Clock(found.addressee.choices.zone))
    answer = f"The {name} for {found.addressee.name} gathers {_counted(digest)}: {clause}."
    return DigestStory(found, answer, in_order([*_items(digest), *outbound_steps.of_delivery(found, digest)]))


def _counted(digest: Delivery) -> str:
    count = digest.items.count()
    return "1 notification" if count == 1 else f"{count:,} notifications"


def _items(digest: Delivery) -> list[Step]:
    items = digest.items.order_by("occurred_at", "id").values_list("created_at", "title", "notification_id")
    return [
        Step(held_at, Stage.DIGEST, f"Held for it: “{title}”.", f"Notification {id_}.", channel=Channel.EMAIL)
        for held_at, title, id_ in items[:_NAMED]
    ]

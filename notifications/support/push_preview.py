"""A push as it leaves us for each platform, and what a locked phone makes of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from delivery import push_payload
from delivery.models import Delivery
from delivery.push_payload import Payload
from delivery.transports.contract import Outgoing
from preferences.models import User

_BADGE: Final = 3


@dataclass(frozen=True, slots=True)
class Phone:
    """A push as it leaves us, and what a locked phone makes of it."""

    system: str
    title: str
    body: str
    badge: int
    payload: str  # JSON
    size: int  # bytes
    largest: int  # bytes that the provider takes

    @property
    def takes(self) -> int:
        """How many of a hundred parts of what the provider takes it fills."""
        return round(100 * self.size / self.largest)


def on_phones(delivery: Delivery, *, now: datetime) -> Sequence[Phone]:
    """Return what leaves us for each platform, by the payloads that are sent."""
    push = push_payload.read(Outgoing(delivery, User(), badge=_BADGE))
    apns, fcm = push_payload.for_apns(push), push_payload.for_fcm(push, now=now)
    return [
        _phone("iOS", shown=apns["aps"]["alert"], payload=apns, largest=push_payload.LARGEST_APNS),
        _phone("Android", shown=fcm["notification"], payload=fcm, largest=push_payload.LARGEST_FCM),
    ]


def _phone(system: str, *, shown: Payload, payload: Payload, largest: int) -> Phone:
    return Phone(
        system=system,
        title=shown["title"],
        body=shown["body"],
        badge=_BADGE,
        payload=json.dumps(payload, indent=2, ensure_ascii=False),
        size=push_payload.size(payload),
        largest=largest,
    )

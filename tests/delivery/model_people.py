"""What a few people want, as the test knows it, and what may go to them: written a second time, from spec §5 and §6."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from delivery.models import Delivery
from preferences.catalog import CATALOG, Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from preferences.push_tokens import Platform

_MAX_AGE: Final = {Channel.EMAIL: timedelta(hours=4), Channel.PUSH: timedelta(minutes=15)}


@dataclass
class Someone:
    """A person, with all on which a delivery may depend."""

    id: UUID
    email: str
    choices: Choices = field(default_factory=Choices)
    tokens: dict[str, str] = field(default_factory=dict)  # by device
    is_active: bool = True
    is_suppressed: bool = False
    is_erased: bool = False

    def may_get(self, delivery: Delivery, now: datetime) -> bool:
        """Whether the mail or push by itself may go to the person now, unless it was read."""
        channel = Channel(delivery.channel)
        if not self._wants(delivery, channel) or now - delivery.occurred_at > _MAX_AGE[channel]:
            return False
        if channel is Channel.PUSH:
            return bool(self.tokens)
        return self.choices.email_digest is DigestFrequency.IMMEDIATE and not self.is_suppressed

    def may_get_in_digest(self, item: Delivery) -> bool:
        """Whether a digest that goes out now may have it, unless it was read."""
        is_never = self.choices.email_digest is DigestFrequency.NEVER
        return self._wants(item, Channel.EMAIL) and not is_never and not self.is_suppressed

    def _wants(self, delivery: Delivery, channel: Channel) -> bool:
        is_there = self.is_active and not self.is_erased
        return is_there and self.choices.wants(CATALOG[delivery.type], channel)


#: The devices that there are; each has one token, whoever has the device.
TOKENS: Final = {"tablet": "a0", "phone": "b1", "old-phone": "c2"}
PLATFORMS: Final = {"tablet": Platform.IOS, "phone": Platform.ANDROID, "old-phone": Platform.ANDROID}


def create() -> list[Someone]:
    """Two people, the same in each example, who chose nothing and have no phone."""
    people = []
    for number in (1, 2):
        user = User.objects.create(id=UUID(int=number), email=f"reader{number}@example.com", name=f"Reader {number}")
        people.append(Someone(user.id, str(user.email)))
    return people

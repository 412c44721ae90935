"""An event on its way to one recipient: on record, addressed, decided, and ready to be stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from delivery.dispatch import NewDelivery
from delivery.models import State
from delivery.rendering import Content
from delivery.transports.registry import OUTBOUND
from notifications.events import Event
from notifications.inbox import Item
from preferences.catalog import Channel
from preferences.decisions import Decision, Decisions, Outcome
from preferences.people import Person


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its row in the ledger."""

    ledger_id: int
    event: Event


@dataclass(frozen=True, slots=True)
class Address:
    """An event and one of its recipients, with the id that the notification has or would have."""

    recorded: Recorded
    user_id: UUID
    notification_id: str

    @property
    def event(self) -> Event:
        """What happened."""
        return self.recorded.event


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an event means for one recipient."""

    address: Address
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class NewNotification:
    """A verdict with everything that it takes to carry it out."""

    verdict: Verdict
    content: Content
    actor: Person | None

    @property
    def id(self) -> str:
        """The notification's id."""
        return self.verdict.address.notification_id

    @property
    def user_id(self) -> UUID:
        """Whose it is."""
        return self.verdict.address.user_id

    @property
    def event(self) -> Event:
        """What happened."""
        return self.verdict.address.event

    @property
    def is_in_app(self) -> bool:
        """Whether it goes into the inbox."""
        return self.verdict.decisions.in_app.outcome is Outcome.SEND

    def as_row(self) -> dict[str, Any]:
        """Return it by the columns of the inbox."""
        address, event = self.verdict.address, self.event
        resource = event.resource
        return {
            "id": address.notification_id,
            "user_id": address.user_id,
            "type": event.type.name,
            "title": self.content.title,
            "body": self.content.body,
            "actor_id": self.actor.id if self.actor else None,
            "resource_type": resource.type if resource else None,
            "resource_id": resource.id if resource else None,
            "resource_url": resource.url if resource else None,
            "resource_title": resource.title if resource else None,
            "event_id": address.recorded.ledger_id,
        }

    def as_item(self, created_at: datetime) -> Item:
        """Return it as the inbox shows it, once it is stored."""
        return Item(
            id=self.id,
            type=self.event.type.name,
            title=self.content.title,
            body=self.content.body,
            actor=self.actor,
            resource=self.event.resource,
            read_at=None,
            created_at=created_at,
        )

    def deliveries(self) -> Iterator[NewDelivery]:
        """Return what goes out by mail or push, now or in a digest."""
        for channel in OUTBOUND:
            decision = self.verdict.decisions[channel]
            if decision.outcome is not Outcome.SUPPRESS:
                yield self._delivery(channel, decision)

    def _delivery(self, channel: Channel, decision: Decision) -> NewDelivery:
        resource = self.event.resource
        return NewDelivery(
            notification_id=self.id,
            channel=channel,
            user_id=self.user_id,
            type=self.event.type.name,
            title=self.content.title,
            body=self.content.body,
            actor_name=self.actor.name if self.actor else "",
            resource_type=resource.type if resource else "",
            resource_id=resource.id if resource else "",
            resource_url=(resource.url if resource else None) or "",
            resource_title=(resource.title if resource else None) or "",
            occurred_at=self.event.occurred_at,
            state=State.HELD if decision.until else State.PENDING,
            due_at=decision.until,
        )

"""What is on record about one event and one addressee, as one value.

The ledger and its decisions are pruned long before the inbox (spec §4), so everything here may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from delivery.models import Delivery, SuppressedAddress
from delivery.retry_log import Retrial
from notifications.models import Decision, Notification, ReceivedEvent, RejectedEvent
from notifications.tracing.addressees import Addressee
from preferences.catalog import CATALOG, Channel, NotificationType, label_of
from preferences.decisions import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds everybody's deliveries up just now."""

    is_killed: bool = False
    blocked_lanes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event and one addressee, as far as it is on record; `now` is when it was read (aware)."""

    addressee: Addressee
    now: datetime
    event: ReceivedEvent | None = None
    decision: Decision | None = None
    notification_id: str = ""
    notification: Notification | None = None
    deliveries: Mapping[Channel, Delivery] = field(default_factory=dict)  # those that there are, by channel
    suppression: SuppressedAddress | None = None
    retrials: Sequence[Retrial] = ()  # of failed deliveries, by support
    rejected: RejectedEvent | None = None  # a rejection that came before, of a replayed event
    conditions: Conditions = Conditions()

    def reason(self, channel: Channel) -> Reason | None:
        """Return what was decided for the channel; None when that was pruned."""
        return self.decision.reason(channel) if self.decision else None

    @property
    def decided_at(self) -> datetime:
        """When it was decided; where that was pruned, when it was stored."""
        if self.decision is not None:
            return self.decision.decided_at
        return self.notification.created_at if self.notification else self.now

    @property
    def is_of_deleted_account(self) -> bool:
        """Whether the account was there when it was decided, and took with it what it had got."""
        reasons = [self.reason(channel) for channel in Channel]
        was_there = any(reason and reason.outcome is not Outcome.SUPPRESS for reason in reasons)
        return was_there and not self.addressee.exists

    @property
    def is_of_digest(self) -> bool:
        """Whether it is about a digest mail itself, and no event."""
        return any(delivery.is_digest for delivery in self.deliveries.values())

    @property
    def type_name(self) -> str:
        """The type of the event."""
        sources = (self.event, self.notification, *self.deliveries.values())
        return next((source.type for source in sources if source is not None), "")

    @property
    def type(self) -> NotificationType | None:
        """The catalogue's entry, unless it has none any more."""
        return CATALOG.get(self.type_name)

    @property
    def label(self) -> str:
        """What the type is called."""
        return label_of(self.type_name)

    @property
    def title(self) -> str:
        """What the notification was called."""
        sources = (self.notification, *self.deliveries.values())
        return next((source.title for source in sources if source is not None), "")

    @property
    def happened_at(self) -> datetime:
        """When it happened; where only the inbox is left, when it was stored."""
        for source in (self.event, *self.deliveries.values()):
            if source is not None:
                return source.occurred_at
        return self.notification.created_at if self.notification else self.now

"""What the product has on record at the end of a drill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

#: Numbers by word, for each channel.
Counts = Mapping[str, Mapping[str, int]]


class InInbox(NamedTuple):
    """A notification. `stored_at` is in seconds since the epoch."""

    id: str
    event_id: str
    user_id: str
    stored_at: float


class OnRecord(NamedTuple):
    """A delivery that goes out by itself: a mail, a push or a digest, not what a digest has gathered."""

    id: int
    notification_id: str
    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class Books:
    """Ledger, decisions, inboxes and deliveries, as `audit_notifications` reads them, and the rows themselves."""

    ledger: Sequence[str]  # event ids
    rejected: Mapping[str, str]  # event id: reason
    waiting: int  # events in the table of POST /api/v1/events
    standings: Counts  # decisions by where they stand (notifications.auditing.findings.Standing)
    reasons: Counts  # decisions against, by reason, and deliveries that were suppressed later
    damages: Mapping[str, int]  # what the audit found
    inbox: Sequence[InInbox]
    deliveries: Sequence[OnRecord]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read what drills.bookkeeping printed."""
        return cls(
            **{
                **fields,
                "inbox": [InInbox(*row) for row in fields["inbox"]],
                "deliveries": [OnRecord(*row) for row in fields["deliveries"]],
            }
        )

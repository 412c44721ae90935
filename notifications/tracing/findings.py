"""What a question came to: the answer in one sentence, and what is behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delivery.models import State
from notifications.tracing.addressees import Addressee
from notifications.tracing.event_recipients import RecipientPage
from notifications.tracing.steps import Step
from preferences.catalog import Channel


class Finding(StrEnum):
    """What a question came to."""

    TRACED = "traced"  # one event and one person: there is a timeline
    DIGEST = "digest"  # a digest mail: likewise
    RECIPIENTS = "recipients"  # an event of several people: there is a list
    SEVERAL = "several"  # events of several sources have the id: say of which
    NOT_A_RECIPIENT = "not_a_recipient"  # the event arrived, and did not name this person
    REJECTED = "rejected"  # the event was not accepted
    QUEUED = "queued"  # it has not arrived, and may be in the queue
    NEVER_ARRIVED = "never_arrived"  # it has not arrived, and nothing waits
    UNKNOWN = "unknown"  # no such person or notification


_NOTHING: Final = frozenset({Finding.QUEUED, Finding.NEVER_ARRIVED, Finding.UNKNOWN})


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """A mail or push on record; of what a digest gathered, the digest."""

    id: int
    channel: Channel
    state: State

    @property
    def has_failed(self) -> bool:
        """Whether support can have it sent once more."""
        return self.state is State.FAILED


@dataclass(frozen=True, slots=True)
class Trace:
    """The answer to a question, in one sentence, and what is behind it. What does not apply is empty."""

    finding: Finding
    answer: str
    notes: Sequence[str] = ()  # sentences for colleagues
    steps: Sequence[Step] = ()  # in the order of time
    addressee: Addressee | None = None
    title: str = ""
    event_id: str = ""  # the producer's
    source: str = ""
    ledger_id: int | None = None
    notification_id: str = ""
    deliveries: Sequence[DeliveryRef] = ()
    rejected_id: int | None = None
    sources: Sequence[str] = ()  # to choose from
    recipients: RecipientPage | None = None

    @property
    def is_found(self) -> bool:
        """Whether there is anything on record."""
        return self.finding not in _NOTHING

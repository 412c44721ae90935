"""A step in the story of one event and one person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel

_AT_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Stage(StrEnum):
    """What kind of step it is."""

    PUBLISHED = "published"
    REJECTED = "rejected"
    RECEIVED = "received"
    DECIDED = "decided"
    STORED = "stored"
    DISPLAYED = "displayed"
    READ = "read"
    DIGEST = "digest"  # a digest gathered it
    RETRIED = "retried"  # support had it sent once more
    SENT = "sent"  # the provider took it
    DEVICE = "device"  # what one device's provider answered
    FEEDBACK = "feedback"  # what the provider reported later
    ENDED = "ended"  # failed, or left out at the last look
    WAITING = "waiting"  # not over yet
    ADDRESS = "address"  # gets no mail


class Tone(StrEnum):
    """How a step is to be looked at."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `at` is aware; None when it lies ahead, or its time is not on record."""

    at: datetime | None
    stage: Stage
    sentence: str
    detail: str = ""  # ids, attempts and codes, for colleagues
    tone: Tone = Tone.PLAIN
    channel: Channel | None = None


#: What a step of one channel begins with, and what stands above a column of it.
NAMES: Final[Mapping[Channel, str]] = {
    Channel.IN_APP: "Bell",
    **{channel: outbound.noun.capitalize() for channel, outbound in OUTBOUND.items()},
}


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return the steps in the order of time; last what lies ahead, or has no time on record."""
    return sorted(steps, key=lambda step: step.at or _AT_LAST)

"""A step in the story of one event and one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from preferences.catalog import Channel


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


#: What a step of one channel begins with.
NAMES: Final[Mapping[Channel, str]] = {Channel.IN_APP: "Bell", Channel.EMAIL: "Mail", Channel.PUSH: "Push"}

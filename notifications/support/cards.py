"""Cards: a part of the system in figures and words, each figure beside how it is to be taken. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from notifications.support.backlog import LONGEST
from notifications.tracing.steps import NAMES
from preferences.catalog import Channel
from preferences.push_tokens import Platform

CANNOT_BE_ASKED: Final = "cannot be asked"
_PROVIDERS: Final[Mapping[str, str]] = {Platform.IOS: "iOS", Platform.ANDROID: "Android"}


class Look(StrEnum):
    """The class of a chip: how a word is meant."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a card: what, how it stands, and what is to be said of it."""

    name: str
    words: str
    look: Look | None = None  # None: no chip
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One part of the system: a figure to be seen from afar, and facts."""

    title: str
    figure: str = ""
    facts: Sequence[Fact] = ()
    note: str = ""


def noun(lane: str) -> str:
    """Return what a channel or a lane brings: "Mail", "Push, iOS"; the name of one that only another release knows."""
    channel, _, provider = lane.partition(":")
    name = NAMES[Channel(channel)] if channel in set(Channel) else channel
    return f"{name}, {_PROVIDERS.get(provider, provider)}" if provider else name


def count(number: int) -> str:
    """Return the number, or that it was not counted to its end."""
    return f"more than {LONGEST:,}" if number > LONGEST else f"{number:,}"


def count_of_part(number: int, *, total: int) -> str:
    """Return how many of a list are of one kind; of a list that is cut short only the beginning is known."""
    return f"{'at least ' if total > LONGEST else ''}{min(number, LONGEST):,}"


def moment(instant: datetime) -> str:
    """Return "18 Mar 2026, 14:30 UTC"."""
    return f"{instant:%d %b %Y, %H:%M} UTC"

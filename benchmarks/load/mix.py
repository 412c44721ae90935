"""Who gets what of the traffic: the mixes of spec §10, and the count of mails, pushes and held rows beforehand."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.publisher import Way
from benchmarks.traffic import MAILS_AT_ONCE_EACH, TYPES, has_mails_at_once

_PERIOD: Final = math.lcm(len(TYPES), MAILS_AT_ONCE_EACH)  # users after whom types and digests meet again
#: After so many users every type has met mails at once and digests, on phones of both platforms, equally often.
ROUND_OF_USERS: Final = 2 * _PERIOD

# The defaults of the seed, stated anew: what is counted must not come from the code that is measured.
_MAILED: Final = frozenset({"task_assigned", "mentioned"})
_PUSHED: Final = frozenset({"task_assigned", "status_changed", "mentioned"})


class Mix(StrEnum):
    """What users want, and how events get into the queue."""

    DEFAULT = "default"  # default preferences, 1 in 5 on mails at once and the others on digests, a phone each
    INAPP = "inapp"  # the bell alone, one event a message
    PACKED = "packed"  # the bell alone, ten events a message

    @property
    def way(self) -> Way:
        """How the producer hands events over."""
        return Way.PACKED_IN_TENS if self is Mix.PACKED else Way.IN_TENS

    @property
    def is_outbound(self) -> bool:
        """Whether anybody wants mails and pushes."""
        return self is Mix.DEFAULT


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one event for its recipient, beside the bell."""

    mail: bool
    push: bool
    held: bool  # for a digest that is not due before the end


@dataclass(frozen=True, slots=True)
class Totals:
    """How many there are of each."""

    mails: int
    pushes: int
    held: int


_BELL_ALONE: Final = Fate(mail=False, push=False, held=False)


def has_iphone(user: int) -> bool:
    """Whether the user's phone is of Apple; half of them are, whatever the type and the digest."""
    return user // _PERIOD % 2 == 0


def fate(mix: Mix, number: int, *, users: int) -> Fate:
    """Return what must become of the event with this number (benchmarks.traffic says who gets it)."""
    if not mix.is_outbound:
        return _BELL_ALONE
    type_, at_once = TYPES[number % len(TYPES)], has_mails_at_once(number % users)
    mailed = type_ in _MAILED
    return Fate(mail=mailed and at_once, push=type_ in _PUSHED, held=mailed and not at_once)


def fates(mix: Mix, count: int, *, users: int) -> Iterator[Fate]:
    """Yield the fate of each of `count` events."""
    return (fate(mix, number, users=users) for number in range(count))


def totals(mix: Mix, count: int, *, users: int) -> Totals:
    """Count beforehand what must have been mailed, pushed and held in the end."""
    all_fates = list(fates(mix, count, users=users))
    return Totals(
        mails=sum(one.mail for one in all_fates),
        pushes=sum(one.push for one in all_fates),
        held=sum(one.held for one in all_fates),
    )

"""The account of a load: each event exactly once where it must be, and nowhere else. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.load.mix import fates
from benchmarks.load.plan import Plan

#: How often each event is to be found somewhere, by its number.
Tally = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where each event was found, and how often."""

    called: Tally  # handed to the producer's client; less than all when the producer gave up
    published: Tally  # answered by SQS
    recorded: Tally  # on the ledger
    stored: Tally  # in the inbox
    heard: Tally  # on a socket
    mailed: Tally  # by SES
    pushed: Tally  # by FCM and APNs
    held: Tally  # for a digest


@dataclass(frozen=True, slots=True)
class Line:
    """One place: how many events belong there by the mix, and how many are there."""

    place: str
    expected: int
    found: int
    lost: int
    doubled: int  # found once too often, or where they do not belong

    @property
    def is_clean(self) -> bool:
        """Whether each event is where it belongs, once."""
        return self.expected == self.found and not self.lost and not self.doubled


@dataclass(frozen=True, slots=True)
class Account:
    """All places."""

    lines: Sequence[Line]
    rejected: int = 0  # events
    not_read: int = 0  # calls of the simulators that were forgotten before they were read
    states: dict[str, int] = field(default_factory=dict)  # of the deliveries, by channel and state

    @property
    def lost(self) -> int:
        """How many are missing, over all places."""
        return sum(line.lost for line in self.lines)

    @property
    def doubled(self) -> int:
        """How many are one too many, over all places."""
        return sum(line.doubled for line in self.lines)

    @property
    def equals_the_mix(self) -> bool:
        """Whether every count is the one that was computed from the mix beforehand."""
        return all(line.expected == line.found for line in self.lines)

    @property
    def is_clean(self) -> bool:
        """Whether each event is everywhere where it belongs, once."""
        return all(line.is_clean for line in self.lines) and not self.rejected and not self.not_read


def compare(plan: Plan, seen: Seen) -> list[Line]:
    """Compare what was seen with what the mix says of each event that the producer came to."""
    wanted = np.array(
        [(fate.mail, fate.push, fate.held) for fate in fates(plan.mix, plan.count, users=plan.users)], np.int64
    )
    every = seen.called
    mail, push, held = wanted.T * every
    return [
        _line("published", every, seen.published),
        _line("on the ledger", every, seen.recorded),
        _line("stored", every, seen.stored),
        _line("received by socket", every, seen.heard),
        _line("mailed", mail, seen.mailed),
        _line("pushed", push, seen.pushed),
        _line("held for a digest", held, seen.held),
    ]


def _line(place: str, expected: Tally, found: Tally) -> Line:
    surplus = found - expected
    return Line(
        place,
        expected=int(expected.sum()),
        found=int(found.sum()),
        lost=int(-surplus[surplus < 0].sum()),
        doubled=int(surplus[surplus > 0].sum()),
    )

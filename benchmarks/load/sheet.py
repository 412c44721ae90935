"""What happened to each event, in files that all processes of a run have mapped into their memory.

A column is an array by event number. Moments are seconds on the monotonic clock, NaN where there was none.
"""

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from benchmarks.traffic import Traffic

Moments = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint8]

_CALLED, _PUBLISHED, _RUNG, _HEARD, _TIMES_HEARD = "called", "published", "rung", "heard", "times-heard"
_MOST: Final = 255


class Sheet:
    """The columns that are written while the load runs. Each has one process that writes it."""

    def __init__(self, directory: Path, traffic: Traffic) -> None:
        self.called = self._moments(directory / _CALLED, traffic)  # when the producer began its call
        self.published = self._moments(directory / _PUBLISHED, traffic)  # when SQS had answered it
        self.rung = self._moments(directory / _RUNG, traffic)  # on its way through Valkey, for a sample of the users
        self.heard = self._moments(directory / _HEARD, traffic)  # first on a socket
        self.times_heard: Counts = np.memmap(directory / _TIMES_HEARD, np.uint8, "r+", shape=(traffic.count,))

    @classmethod
    def new(cls, directory: Path, traffic: Traffic) -> Self:
        """Make the files, with nothing in them."""
        for name in (_CALLED, _PUBLISHED, _RUNG, _HEARD):
            np.full(traffic.count, np.nan).tofile(directory / name)
        np.zeros(traffic.count, np.uint8).tofile(directory / _TIMES_HEARD)
        return cls(directory, traffic)

    @staticmethod
    def _moments(file: Path, traffic: Traffic) -> Moments:
        return np.memmap(file, np.float64, "r+", shape=(traffic.count,))


def count_one(counts: Counts, number: int) -> None:
    """Add one to a count, which stops at 255."""
    counts[number] = min(_MOST, int(counts[number]) + 1)


def how_many(moments: Moments) -> int:
    """Return how many events have a moment in the column."""
    return int(np.count_nonzero(~np.isnan(moments)))

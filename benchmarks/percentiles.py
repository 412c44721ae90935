"""Percentiles of latencies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of latencies, in milliseconds."""

    p50: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Return the percentiles by nearest rank: each is a value that was measured."""
        ordered = sorted(seconds)
        return cls(*(_at(ordered, share) * 1000 for share in (0.50, 0.95, 0.99, 1.0)))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan

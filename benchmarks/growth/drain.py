"""What one drain came to, and the points of a curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cpu import ELSEWHERE
from benchmarks.growth.scale import Contest, Curve


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of the consumer: when a drain began, and at most until it was over."""

    before: int
    peak: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Some events from the start of their consumption to their last row, and on a socket where sockets are watched.

    CPU is counted until their messages are deleted, too. `transactions` is how many stored them; None of the baseline.
    """

    notifications: int
    seconds: float
    cpu_us: Mapping[str, float]  # each part's, for one notification
    transactions: int | None = None
    memory: Memory | None = None

    @property
    def per_second(self) -> float:
        """Notifications."""
        return self.notifications / self.seconds

    @property
    def noise(self) -> float:
        """How many cores programs used meanwhile that have nothing to do with it."""
        return max(0.0, self.cpu_us[ELSEWHERE] * self.per_second / 1e6)


@dataclass(frozen=True, slots=True)
class Point:
    """Drains under the same conditions. The figures are their medians."""

    curve: Curve
    at: float
    drains: Sequence[Drain]
    contest: Contest = Contest.OURS

    @property
    def seconds(self) -> float:
        """From the start to the last row."""
        return median(drain.seconds for drain in self.drains)

    @property
    def per_second(self) -> float:
        """Notifications."""
        return median(drain.per_second for drain in self.drains)

    @property
    def noise(self) -> float:
        """Cores that other programs used."""
        return median(drain.noise for drain in self.drains)

    @property
    def cpu_us(self) -> dict[str, float]:
        """Each part's microseconds for one notification."""
        parts = dict.fromkeys(part for drain in self.drains for part in drain.cpu_us)
        return {part: median(drain.cpu_us.get(part, 0.0) for drain in self.drains) for part in parts}

    @property
    def per_transaction(self) -> float | None:
        """How many notifications were stored together."""
        counted = [drain.notifications / drain.transactions for drain in self.drains if drain.transactions]
        return median(counted) if counted else None

    @property
    def memory_growth(self) -> int | None:
        """By how many bytes the consumer grew at most, from before the first drain: what it was given, it keeps."""
        taken = [drain.memory for drain in self.drains if drain.memory]
        return max(memory.peak for memory in taken) - taken[0].before if taken else None

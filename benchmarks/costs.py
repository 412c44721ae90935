"""What doing something many times costs: rounds on a stopwatch, and their medians."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one round: by the clock, of this process's CPU, and of the CPU of its PostgreSQL backend."""

    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float


class Stopwatch:
    """Takes rounds; `database_cpu` returns the CPU seconds that the database has used for this process so far."""

    def __init__(self, database_cpu: Callable[[], float]) -> None:
        self._database_cpu = database_cpu
        self.rounds: list[Round] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add what happens inside as a round."""
        database = self._database_cpu()
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        self.rounds.append(Round(seconds, cpu_seconds, self._database_cpu() - database))


@dataclass(frozen=True, slots=True)
class Cost:
    """Rounds of `count` each, in one process. The figures are medians of the rounds."""

    name: str
    count: int
    rounds: Sequence[Round]

    @property
    def seconds(self) -> float:
        """Of one round."""
        return median(one.seconds for one in self.rounds)

    @property
    def per_second(self) -> float:
        """How many one process does, waiting for its servers."""
        return self.count / self.seconds

    @property
    def per_core_second(self) -> float:
        """How many a core does that never waits and leaves the servers to others."""
        return 1e6 / self.cpu_us

    @property
    def cpu_us(self) -> float:
        """Microseconds of this process's CPU for one."""
        return median(one.cpu_seconds for one in self.rounds) / self.count * 1e6

    @property
    def database_cpu_us(self) -> float:
        """Microseconds of PostgreSQL's CPU for one."""
        return median(one.database_cpu_seconds for one in self.rounds) / self.count * 1e6

    def as_json(self) -> dict[str, Any]:
        """With every round, and the figures that follow from them."""
        figures = ("seconds", "per_second", "per_core_second", "cpu_us", "database_cpu_us")
        return {**asdict(self), **{figure: getattr(self, figure) for figure in figures}}

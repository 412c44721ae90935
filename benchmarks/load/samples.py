"""The state of everything each second: what waits, CPU, memory."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from benchmarks import cpu
from benchmarks.cpu import Reading
from benchmarks.environment import Environment
from benchmarks.load.sheet import Sheet, how_many
from devstack.stack import EVENTS_QUEUE

# A state at a time, since each has an index of its own: one question for both would read the whole table every second.
_UNDER_WAY: Final = """
    SELECT channel, count(*) FROM (
        SELECT channel FROM deliveries WHERE state = 'pending'
        UNION ALL
        SELECT channel FROM deliveries WHERE state = 'sending'
    ) AS under_way GROUP BY channel
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything."""

    at: float  # seconds since the first event was due
    published: int  # events
    heard: int
    queued: int  # messages of events in SQS, or in an intake's hands
    mails: int  # pending or being sent
    pushes: int
    cores: Mapping[str, float]  # of each part, since the look before
    memory: Mapping[str, int]  # bytes

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits anywhere."""
        return not (self.queued or self.mails or self.pushes)


class Sampler:
    """Takes samples, and keeps them. `start_at` (monotonic) is when the first event is due."""

    def __init__(self, environment: Environment, sheet: Sheet, *, start_at: float) -> None:
        self.taken: list[Sample] = []
        self._environment = environment
        self._sheet = sheet
        self._start_at = start_at
        self._queue = environment.queue(EVENTS_QUEUE)
        self._connection = psycopg.connect(environment.stack.database_url, autocommit=True)
        self._read_at, self._readings, self._machine = time.monotonic(), environment.readings(), cpu.machine_seconds()

    def take(self) -> Sample:
        """Look at everything now."""
        now, readings, machine = time.monotonic(), self._environment.readings(), cpu.machine_seconds()
        cores = _cores(self._readings, readings, now - self._read_at)
        cores[cpu.ELSEWHERE] = max(0.0, (machine - self._machine) / (now - self._read_at) - sum(cores.values()))
        waiting: dict[str, int] = dict(self._connection.execute(_UNDER_WAY).fetchall())
        sample = Sample(
            at=now - self._start_at,
            published=how_many(self._sheet.published),
            heard=how_many(self._sheet.heard),
            queued=self._queue.backlog(),
            mails=waiting.get("email", 0),
            pushes=waiting.get("push", 0),
            cores=cores,
            memory={part: reading.memory for part, reading in readings.items()},
        )
        self._read_at, self._readings, self._machine = now, readings, machine
        self.taken.append(sample)
        return sample

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def growth(values: Sequence[float]) -> float:
    """Return by how much the median of the last quarter exceeds that of the first."""
    quarter = max(1, len(values) // 4)
    return _middle(values[-quarter:]) - _middle(values[:quarter])


def _cores(before: Mapping[str, Reading], after: Mapping[str, Reading], seconds: float) -> dict[str, float]:
    return {  # of a part that has ended nothing is known any more
        part: max(0.0, reading.cpu_seconds - before[part].cpu_seconds) / seconds
        for part, reading in after.items()
        if part in before
    }


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0

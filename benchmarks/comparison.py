"""Our way and one Celery task per event, in turn, so that both meet the same moods of the machine."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

from benchmarks.baseline.app import QUEUE as BASELINE_QUEUE
from benchmarks.environment import Environment
from benchmarks.measures import Bench, Peak, Steady, System
from benchmarks.publisher import Way
from benchmarks.subscribers import Subscribers
from devstack.stack import EVENTS_QUEUE

BASELINE_WORKER: Final = (
    *("celery", "--app=benchmarks.baseline.app", "worker", "--pool=prefork", "--concurrency=2", "--loglevel=warning"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
_WARM_UP_SECONDS: Final = 2.0
_GENTLE_RATE: Final = 100.0  # events/s that the baseline can bear
_FULL_RATE: Final = 1_000.0
_WAITING: Final = 500  # messages; enough for every receive to find ten
_ALL: Final = 1_000_000  # the queue is filled before the start

Tell = Callable[[str], None]


class Contest(StrEnum):
    """Who publishes and consumes how."""

    OURS = "ours"  # one event a message
    OURS_PACKED = "ours, packed by ten"  # ten events a message
    BASELINE = "Celery task per event"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    users: int = 200
    rounds: int = 3
    events: int = 10_000
    packed_events: int = 20_000
    baseline_events: int = 1_000
    seconds: float = 12.0  # at each steady rate


QUICK: Final = Scale(rounds=1, events=5_000, packed_events=10_000, baseline_events=500, seconds=4.0)


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured."""

    peaks: dict[Contest, list[Peak]] = field(default_factory=dict)
    steady: list[tuple[Contest, Steady]] = field(default_factory=list)

    def peak(self, contest: Contest) -> float:
        """Return the median of events/s over the rounds."""
        return median(peak.per_second for peak in self.peaks[contest])

    @property
    def ratio(self) -> float:
        """How many times faster ours is, one event a message."""
        return self.peak(Contest.OURS) / self.peak(Contest.BASELINE)

    @property
    def is_clean(self) -> bool:
        """Whether in every run each event came out exactly once."""
        runs = [run for peaks in self.peaks.values() for run in peaks] + [run for _, run in self.steady]
        return all(run.account.is_clean for run in runs)


def compare(scale: Scale, *, tell: Tell) -> Results:
    """Take all measures; `tell` hears what is going on."""
    tell("Starting PostgreSQL, Valkey, SQS and the processes")
    with _stage(scale) as (bench, ours, baseline):
        results = Results({contest: [] for contest in Contest})
        tell("Warming up")
        bench.steady(ours, Way.ONE_BY_ONE, rate=_GENTLE_RATE, seconds=_WARM_UP_SECONDS)
        bench.steady(baseline, Way.AS_TASKS, rate=_GENTLE_RATE / 2, seconds=_WARM_UP_SECONDS)
        for number in range(1, scale.rounds + 1):
            tell(f"Peak, round {number} of {scale.rounds}")
            _one_round(bench, ours, baseline, scale, results)
        for contest, system, way, rate in (
            (Contest.OURS, ours, Way.ONE_BY_ONE, _GENTLE_RATE),
            (Contest.BASELINE, baseline, Way.AS_TASKS, _GENTLE_RATE),
            (Contest.OURS, ours, Way.IN_TENS, _FULL_RATE),
        ):
            tell(f"{rate:,.0f} events/s for {scale.seconds:.0f} s: {contest}")
            results.steady.append((contest, bench.steady(system, way, rate=rate, seconds=scale.seconds)))
    return results


def _one_round(bench: Bench, ours: System, baseline: System, scale: Scale, results: Results) -> None:
    """Every contest once.

    What is unequal favours the baseline: its queue is filled before the start, by a publisher that is gone then; our
    single events are published while they are consumed, at the expense of our CPU.
    """
    for contest, system, way, count, waiting in (
        (Contest.OURS, ours, Way.IN_TENS, scale.events, _WAITING),
        (Contest.BASELINE, baseline, Way.AS_TASKS, scale.baseline_events, _ALL),
        (Contest.OURS_PACKED, ours, Way.PACKED, scale.packed_events, _ALL),
    ):
        results.peaks[contest].append(bench.peak(system, way, count=count, waiting=waiting))


@contextlib.contextmanager
def _stage(scale: Scale) -> Iterator[tuple[Bench, System, System]]:
    """Everything running: servers, the web process and its sockets, our intake, the baseline's workers."""
    with Environment.running() as environment, contextlib.ExitStack() as processes:
        tokens = environment.populate(scale.users)
        processes.enter_context(environment.web())
        subscribers = processes.enter_context(Subscribers(environment.stack.websocket_url, tokens))
        intake = processes.enter_context(environment.procfile_process("intake"))
        workers = processes.enter_context(environment.process("Celery workers", BASELINE_WORKER))
        bench = Bench(environment, subscribers, users=scale.users)
        ours = System(intake, environment.queue(EVENTS_QUEUE))
        yield bench, ours, System(workers, environment.queue(BASELINE_QUEUE))

"""One load from start to end: warm-up, steady rate, drain, account."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.environment import Process
from benchmarks.load import account, evidence, stages, verdict
from benchmarks.load.account import Account
from benchmarks.load.plan import Plan
from benchmarks.load.running import Running, Tell, running
from benchmarks.load.samples import Sample, Sampler
from benchmarks.load.sheet import Moments, how_many
from benchmarks.load.stages import Second, Stage
from benchmarks.musts import Must
from benchmarks.percentiles import Percentiles
from benchmarks.publisher import sleep_until

_BOOT_SECONDS: Final = 3.0  # from starting the producer to the first event due
_PERIOD: Final = 1.0  # between two samples
_PATIENCE: Final = 300.0  # for the drain: what comes later than it must is late, and not lost

Watch = Callable[[Sample], None]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured."""

    plan: Plan
    account: Account
    stages: Sequence[Stage]
    seconds: Sequence[Second]
    samples: Sequence[Sample]
    lag: Percentiles  # of the producer's calls behind their schedule
    drained_after: float | None  # seconds after the last event was due
    musts: Sequence[Must]

    @property
    def is_passed(self) -> bool:
        """Whether everything holds that must."""
        return all(must.holds for must in self.musts)


def carry_out(plan: Plan, *, logs: Path, tell: Tell, watch: Watch) -> Results:
    """Take the measure; `tell` hears what is going on, `watch` gets a sample each second."""
    with running(plan, logs=logs, tell=tell) as everything:
        start_at = time.monotonic() + _BOOT_SECONDS
        end_at = start_at + plan.count / plan.rate
        with (
            closing(Sampler(everything.environment, everything.sheet, start_at=start_at)) as sampler,
            everything.publishing(plan.order(start_at=start_at)) as producer,
        ):
            drained_at = _watch(everything, sampler, producer, end_at=end_at, tell=tell, watch=watch)
        tell("accounting for every event")
        found = evidence.gather(
            plan.order(start_at=start_at).traffic,
            everything.sheet,
            everything.providers,
            database_url=everything.environment.stack.database_url,
            clock_offset=time.time() - time.monotonic(),
        )
        moments = stages.columns(plan, everything.sheet, found, start_at=start_at)
        drained_after = None if drained_at is None else max(0.0, drained_at - end_at)
        lines, not_read = account.compare(plan, found.seen), everything.providers.missed
        settled = Account(lines, found.rejected, not_read, dict(found.states))
        return _results(plan, settled, moments, sampler.taken, drained_after=drained_after)


def _watch(
    everything: Running, sampler: Sampler, producer: Process, *, end_at: float, tell: Tell, watch: Watch
) -> float | None:
    """Look on each second until nothing is under way any more; return when that was (monotonic), None: never."""
    tell("warm-up and steady rate")
    has_ended = False
    while time.monotonic() < end_at + _PATIENCE:
        looked_at = time.monotonic()
        everything.providers.read()
        sample = sampler.take()
        watch(sample)
        if has_ended and sample.is_idle and sample.heard == sample.published:
            everything.providers.read()
            return looked_at
        if not has_ended and (has_ended := _has_ended(everything, producer)):
            tell("draining")
        sleep_until(looked_at + _PERIOD)
    return None


def _has_ended(everything: Running, producer: Process) -> bool:
    """Whether the producer has published all that it will. Raises RuntimeError when it failed."""
    code = producer.child.process.poll()
    if code:
        raise RuntimeError(f"the producer failed; see {everything.environment.logs / 'producer.log'}")
    return code == 0


def _results(
    plan: Plan,
    settled: Account,
    moments: Mapping[str, Moments],
    samples: Sequence[Sample],
    *,
    drained_after: float | None,
) -> Results:
    measured = stages.measure(plan, moments)
    lag = stages.lag(plan, moments["called"], moments["due"])
    called = how_many(moments["called"])
    musts = verdict.judge(plan, settled, measured, samples, lag=lag, called=called, drained_after=drained_after)
    seconds = stages.by_second(plan, moments)
    return Results(plan, settled, measured, seconds, samples, lag, drained_after, musts)

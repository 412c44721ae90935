"""What a load must hold (spec §10), and whether it did. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from benchmarks.load.account import Account
from benchmarks.load.plan import Plan
from benchmarks.load.samples import Sample, growth
from benchmarks.load.stages import Stage
from benchmarks.musts import Must
from benchmarks.percentiles import Percentiles

MOST_LATE_MS: Final = 2_000.0  # P95, event to socket
DRAIN_SECONDS: Final = 60.0
_MOST_LAG_MS: Final = 250.0  # P99 of the producer's calls behind their schedule; more, and it was not the schedule
_GROWN_SECONDS: Final = 1.0  # of traffic; a queue that holds so much more in the end was growing


def judge(
    plan: Plan,
    account: Account,
    stages: Sequence[Stage],
    samples: Sequence[Sample],
    *,
    lag: Percentiles,
    called: int,
    drained_after: float | None,
) -> list[Must]:
    """Return all musts. `lag` is that of the producer, which came to `called` events; `drained_after` is in seconds
    after the last event was due, None: never."""
    socket = next((stage.since_due.p95 for stage in stages if stage.name == "socket"), float("inf"))
    lost = f"{account.lost:,} {'lost' if drained_after is not None else 'not there yet, or lost'}"
    drained = f"{drained_after:.1f} s" if drained_after is not None else "never"
    return [
        _of_producer(plan, lag, called),
        Must("nothing lost", lost, account.lost == 0 and not account.not_read),
        Must("nothing doubled", f"{account.doubled:,} doubled", account.doubled == 0),
        Must("every count is that of the mix", _deviations(account), account.equals_the_mix),
        Must("no event rejected", f"{account.rejected:,} rejected", account.rejected == 0),
        Must("event to socket, P95 < 2 s", f"{socket:,.0f} ms", socket < MOST_LATE_MS),
        _of_queue(plan, samples, called),
        Must("drained within 60 s", drained, drained_after is not None and drained_after <= DRAIN_SECONDS),
    ]


def steady(plan: Plan, samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples that were taken while the steady rate lasted."""
    return [sample for sample in samples if plan.warm_up <= sample.at <= plan.warm_up + plan.seconds]


def cores(plan: Plan, samples: Sequence[Sample]) -> dict[str, float]:
    """Return the cores that each part used in the steady time, the busiest first."""
    taken = steady(plan, samples)
    parts = {part for sample in taken for part in sample.cores}
    means = {part: sum(sample.cores.get(part, 0.0) for sample in taken) / len(taken) for part in parts}
    return dict(sorted(means.items(), key=lambda entry: -entry[1]))


def cpu_per_event(plan: Plan, samples: Sequence[Sample]) -> dict[str, float]:
    """Return the microseconds of CPU that each part used for an event that came out of a socket, the busiest first."""
    taken = steady(plan, samples)
    per_second = (taken[-1].heard - taken[0].heard) / (taken[-1].at - taken[0].at)
    return {part: used / max(per_second, 1.0) * 1e6 for part, used in cores(plan, samples).items()}


def memory(plan: Plan, samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return each part's memory in the steady time: its median, and by how much it grew (bytes)."""
    taken = steady(plan, samples)
    parts = [part for part, size in taken[-1].memory.items() if size]  # what has ended has none any more
    columns = {part: [float(sample.memory.get(part, 0)) for sample in taken] for part in parts}
    return {part: (median(column), growth(column)) for part, column in columns.items()}


def _of_producer(plan: Plan, lag: Percentiles, called: int) -> Must:
    text = "the producer kept its schedule"
    if called < plan.count:
        return Must(text, f"gave up after {called:,} of {plan.count:,} events", holds=False)
    return Must(text, f"P99 {lag.p99:,.0f} ms behind it", lag.p99 <= _MOST_LAG_MS)


def _of_queue(plan: Plan, samples: Sequence[Sample], called: int) -> Must:
    text = "the queue does not grow"
    if called < plan.count:
        return Must(text, "not known, the producer gave up", holds=False)
    grown = growth([float(sample.queued) for sample in steady(plan, samples)])
    most = _GROWN_SECONDS * plan.rate / plan.mix.way.events_per_message
    return Must(text, f"by {grown:,.0f} messages", grown < most)


def _deviations(account: Account) -> str:
    wrong = [line for line in account.lines if line.expected != line.found]
    return ", ".join(f"{line.place} {line.found:,} of {line.expected:,}" for line in wrong) or "equal"

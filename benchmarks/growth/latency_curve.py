"""Throughput against the way to SQS: ours and one Celery task per event, both through a proxy that delays."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from benchmarks.baseline.app import QUEUE as BASELINE_QUEUE
from benchmarks.comparison import BASELINE_WORKER
from benchmarks.growth.bench import Bench, Consumer, with_variables
from benchmarks.growth.drain import Drain, Point
from benchmarks.growth.scale import Contest, Curve
from benchmarks.publisher import Way
from devstack.delayed_tcp import DelayedTcp

_MS: Final = 1e-3
_WAYS: Final = {Contest.OURS: Way.IN_TENS, Contest.BASELINE: Way.AS_TASKS}


def latencies(bench: Bench) -> list[Point]:
    """One event a message for both; publishers go past the proxy."""
    drains: dict[tuple[Contest, float], list[Drain]] = {
        (contest, ms): [] for contest in Contest for ms in bench.scale.round_trips_ms
    }
    with DelayedTcp(bench.environment.servers.aws.port) as proxy, _consumers(bench, proxy) as consumers:
        for number in range(1, bench.scale.rounds + 1):
            for (contest, ms), taken in drains.items():
                proxy.round_trip = ms * _MS
                taken.append(_drain(bench, consumers[contest], proxy))
                bench.tell(f"round {number}, {contest}, {ms:.0f} ms farther: {taken[-1].per_second:,.0f} events/s")
    return [Point(Curve.LATENCY, ms, taken, contest) for (contest, ms), taken in drains.items()]


def _drain(bench: Bench, consumer: Consumer, proxy: DelayedTcp) -> Drain:
    """Raises RuntimeError when it goes past the proxy."""
    bench.tables.empty()
    count = bench.scale.events if consumer.contest is Contest.OURS else bench.scale.baseline_events
    before = proxy.chunks
    drain = bench.drain(consumer, bench.traffic(count), _WAYS[consumer.contest])
    if proxy.chunks - before < count / 10:  # SQS gives ten messages a call at most
        raise RuntimeError(f"{consumer.contest} does not go through the proxy")
    return drain


@contextmanager
def _consumers(bench: Bench, proxy: DelayedTcp) -> Iterator[dict[Contest, Consumer]]:
    """Both, warm; each idles while the other works, on a queue of its own."""
    bench.tables.empty()
    environment = bench.environment
    with ExitStack() as processes:
        intake = processes.enter_context(bench.intake(SQS_ENDPOINT_URL=proxy.url))
        command = with_variables({"SQS_ENDPOINT_URL": proxy.url}, list(BASELINE_WORKER))
        workers = processes.enter_context(environment.process("Celery workers", command))
        baseline = Consumer(Contest.BASELINE, workers, environment.queue(BASELINE_QUEUE))
        bench.warm_up(baseline, Way.AS_TASKS)
        yield {Contest.OURS: intake, Contest.BASELINE: baseline}

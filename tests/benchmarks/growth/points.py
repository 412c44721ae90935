"""Drains and points of any curve, with figures that are easy to reckon with."""

from collections.abc import Mapping, Sequence

from benchmarks.growth.drain import Drain, Memory, Point
from benchmarks.growth.scale import Contest, Curve

#: Microseconds for one notification.
CPU = {"intake": 100.0, "Celery workers": 5_000.0, "PostgreSQL": 80.0, "web": 40.0, "other programs": 50.0}


def drain(seconds: float = 1.0, *, cpu_us: Mapping[str, float] = CPU, memory: Memory | None = None) -> Drain:
    """A thousand notifications, stored by ten transactions."""
    return Drain(1_000, seconds, cpu_us, transactions=10, memory=memory)


def curve(name: Curve) -> Sequence[Point]:
    """Return two points of a curve, of both contests where these are compared."""
    contests = list(Contest) if name is Curve.LATENCY else [Contest.OURS]
    memory = Memory(before=1_000_000, peak=3_000_000) if name is Curve.RECIPIENTS else None
    return [Point(name, at, [drain(at, memory=memory)], contest) for contest in contests for at in (1.0, 10.0)]

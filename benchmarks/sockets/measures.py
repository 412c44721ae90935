"""What is measured of open sockets, in which order."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from benchmarks.percentiles import Percentiles
from benchmarks.sockets.orders import Heard, Opened
from benchmarks.sockets.stage import Stage, Traces
from devstack.waiting import wait_until

_WARM_UP: Final = 100  # sockets that are opened and closed first, for what is loaded once
_PROBES_APART: Final = 0.05  # seconds
_PATIENCE: Final = 30.0  # seconds, for a message
_TRACELESS: Final = 45.0  # seconds: longer than the lease of a place
_EVERYONE: Final = "everyone"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    sockets: int = 10_000
    per_second: float = 150.0  # handshakes
    idle_seconds: float = 30.0
    probes: int = 200


@dataclass(frozen=True, slots=True)
class Openings:
    """How the sockets came."""

    opened: int
    failures: Sequence[str]
    seconds: float
    handshake_ms: Percentiles
    web_cpu_us: float  # a handshake


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that the web process has for itself (RssAnon), settled."""

    before: int  # the first socket, warm
    open: int
    rung: int  # all open, and each has been sent something
    closed: int
    open_again: int
    sockets: int

    @property
    def per_socket(self) -> float:
        """Bytes."""
        return (self.open - self.before) / max(self.sockets, 1)

    @property
    def growth_per_socket(self) -> float:
        """Bytes by which the second opening exceeds all that the process held before.

        What a goodbye needs comes on top of the open sockets, and Python keeps it; sockets that were let go of make
        room for the second ones, and sockets that leaked do not.
        """
        return (self.open_again - max(self.open, self.rung, self.closed)) / max(self.sockets, 1)


@dataclass(frozen=True, slots=True)
class Ring:
    """A message to everybody."""

    heard: int
    doubled: int
    seconds: float  # from the first publish to the last socket
    web_cpu_us: float  # a message


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured."""

    sockets: int
    openings: Openings
    memory: Memory
    valkey_per_socket: float  # bytes
    idle_cores: float  # of the web process
    probe_ms: Percentiles
    probes_lost: int
    ring: Ring
    still_open: int  # after all of this
    left: Traces  # after the sockets were closed


def measure(stage: Stage, scale: Scale, tokens: Sequence[str], tell: Tell) -> Result:
    """Open all sockets, look at them, ring them, close them; and open them once more to see whether memory grows."""
    stage.open(tokens[:_WARM_UP], per_second=scale.per_second)
    stage.ringer.call("ring_all", _WARM_UP, "warm-up")
    stage.close()
    stage.wait_traceless(seconds=_TRACELESS)
    before, traces = stage.web_memory(), stage.traces()
    tell(f"opening {scale.sockets:,} sockets")
    openings = _open(stage, scale, tokens)
    held, held_traces = stage.web_memory(), stage.traces()
    tell(f"looking at them for {scale.idle_seconds:.0f} s")
    idle = _idle(stage, scale.idle_seconds)
    tell("ringing")
    latency, lost = _probe(stage, scale)
    ring = _ring_everyone(stage, scale.sockets)
    rung, still_open = stage.web_memory(), stage.still_open()
    tell("closing them")
    stage.close()
    left, closed = stage.wait_traceless(seconds=_TRACELESS), stage.web_memory()
    tell("opening them again")
    _open(stage, scale, tokens)
    memory = Memory(before, held, rung, closed, stage.web_memory(), openings.opened)
    stage.close()
    valkey = (held_traces.memory - traces.memory) / max(openings.opened, 1)
    return Result(scale.sockets, openings, memory, valkey, idle, latency, lost, ring, still_open, left)


def _open(stage: Stage, scale: Scale, tokens: Sequence[str]) -> Openings:
    began, cpu = monotonic(), stage.web_cpu()
    opened: Opened = stage.open(tokens[: scale.sockets], per_second=scale.per_second)
    seconds, count = monotonic() - began, len(opened.handshake_seconds)
    return Openings(
        opened=count,
        failures=opened.failures,
        seconds=seconds,
        handshake_ms=Percentiles.of(opened.handshake_seconds),
        web_cpu_us=(stage.web_cpu() - cpu) / max(count, 1) * 1e6,
    )


def _idle(stage: Stage, seconds: float) -> float:
    """Return the cores that the web process uses while nothing happens but pings and leases."""
    began, cpu = monotonic(), stage.web_cpu()
    sleep(seconds)
    return (stage.web_cpu() - cpu) / (monotonic() - began)


def _probe(stage: Stage, scale: Scale) -> tuple[Percentiles, int]:
    """Ring single bells among all; return the latencies, and how many never heard."""
    users = random.sample(range(scale.sockets), scale.probes)
    stage.heard()
    dues: list[float] = stage.ringer.call("ring_each", users, _PROBES_APART)
    heard = wait_heard(stage, scale.probes)
    names = {f"probe-{number}": due for number, due in enumerate(dues)}
    late = [heard[name][0].first_at - due for name, due in names.items() if name in heard]
    return Percentiles.of(late), len(names) - len(late)


def _ring_everyone(stage: Stage, count: int) -> Ring:
    stage.heard()
    cpu = stage.web_cpu()
    began: float = stage.ringer.call("ring_all", count, _EVERYONE)
    heard = wait_heard(stage, count).get(_EVERYONE, [])
    times = sum(one.times for one in heard)
    return Ring(
        heard=min(times, count),
        doubled=max(0, times - count),
        seconds=max((one.last_at for one in heard), default=began) - began,
        web_cpu_us=(stage.web_cpu() - cpu) / max(times, 1) * 1e6,
    )


def wait_heard(stage: Stage, count: int) -> dict[str, list[Heard]]:
    """Gather what the sockets say until it is `count` messages, or nothing more seems to come."""
    gathered: dict[str, list[Heard]] = {}

    def is_all() -> bool:
        for name, heard in stage.heard().items():
            gathered.setdefault(name, []).extend(heard)
        return sum(one.times for heard in gathered.values() for one in heard) >= count

    wait_until(is_all, seconds=_PATIENCE)
    return gathered

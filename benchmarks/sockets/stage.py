"""Everything of the sockets that runs: servers, the web process, crowds, who rings."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from redis import Redis

from benchmarks.environment import Environment
from benchmarks.sockets import remote
from benchmarks.sockets.orders import Heard, Opened, Opening
from benchmarks.sockets.remote import Remote, call_all
from devstack.waiting import wait_until

#: Sockets of one crowd, a process with a loopback address of its own.
_CROWD: Final = 5_000
_STEADY_BYTES: Final = 256 * 1024
_LOOKS: Final = 4  # a second apart, within _STEADY_BYTES of each other: memory has settled
_SETTLE_PATIENCE: Final = 60.0  # seconds
_GROUPS: Final = "bell__group__*"
_PLACES: Final = "bell:sockets:*"


@dataclass(frozen=True, slots=True)
class Traces:
    """What open sockets leave in Valkey."""

    memory: int  # bytes, of all that it holds
    groups: int
    places: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A running web process, and clients that hold sockets to it."""

    environment: Environment
    host: str  # of the web process, with its port
    crowds: Sequence[Remote]
    ringer: Remote
    valkey: "Redis"

    def open(self, tokens: Sequence[str], *, per_second: float) -> Opened:
        """Open a socket for each token, so many a second."""
        rate = per_second / len(self.crowds)
        for number, crowd in enumerate(self.crowds):
            crowd.begin("open", Opening(self.host, tokens[number :: len(self.crowds)], rate))
        ends: list[Opened] = [crowd.finish() for crowd in self.crowds]
        return Opened(
            [seconds for end in ends for seconds in end.handshake_seconds],
            [failure for end in ends for failure in end.failures],
        )

    def close(self) -> Counter[int | None]:
        """Close all sockets; return how many ended with which code."""
        return sum(call_all(self.crowds, "close"), Counter())

    def still_open(self) -> int:
        """Return how many sockets nobody has closed."""
        return sum(call_all(self.crowds, "still_open"))

    def heard(self) -> dict[str, list[Heard]]:
        """Return what came out of the sockets since the last question, from each crowd."""
        gathered: dict[str, list[Heard]] = {}
        for heard in call_all(self.crowds, "heard"):
            for name, one in heard.items():
                gathered.setdefault(name, []).append(one)
        return gathered

    def web_cpu(self) -> float:
        """Return the CPU seconds of the web process so far."""
        return self.environment.readings()["web"].cpu_seconds

    def web_memory(self) -> int:
        """Return the bytes that the web process has for itself, once they have settled."""
        looks: deque[int] = deque(maxlen=_LOOKS)
        deadline = time.monotonic() + _SETTLE_PATIENCE
        while time.monotonic() < deadline and not (len(looks) == _LOOKS and max(looks) - min(looks) < _STEADY_BYTES):
            time.sleep(1.0)
            looks.append(self.environment.readings()["web"].memory)
        return looks[-1]

    def traces(self) -> Traces:
        """Look at what Valkey holds of sockets."""
        memory = int(self.valkey.info("memory")["used_memory"])
        places = sum(1 for _ in self.valkey.scan_iter(_PLACES, count=1000))
        return Traces(memory, len(self.valkey.pubsub_channels(_GROUPS)), places)

    def wait_traceless(self, *, seconds: float) -> Traces:
        """Wait until nothing of the sockets is left in Valkey, and return what is."""
        wait_until(lambda: not (self.traces().groups or self.traces().places), seconds=seconds)
        return self.traces()


@contextlib.contextmanager
def playing(environment: Environment, *, sockets: int) -> Iterator[Stage]:
    """Clients for so many sockets to the web process that runs already."""
    with contextlib.ExitStack() as running:
        crowds = [
            running.enter_context(
                remote.running(environment, "benchmarks.sockets.crowd", f"127.0.0.{number + 2}", name=f"crowd {number}")
            )
            for number in range(-(-sockets // _CROWD))
        ]
        ringer = running.enter_context(remote.running(environment, "benchmarks.sockets.ringer", name="ringer"))
        valkey = running.enter_context(Redis.from_url(environment.stack.redis_url))
        host = environment.stack.base_url.removeprefix("http://")
        yield Stage(environment, host, crowds, ringer, valkey)

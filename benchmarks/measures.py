"""The two measures: how many a second at most, and how late at a steady rate."""

import itertools
import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from benchmarks import accounts, cpu
from benchmarks.accounts import Account
from benchmarks.environment import Environment, Process
from benchmarks.percentiles import Percentiles
from benchmarks.publisher import Order, Way
from benchmarks.queues import Queue
from benchmarks.subscribers import Inflow, Subscribers
from benchmarks.traffic import Traffic
from devstack.waiting import wait_until

_BOOT_SECONDS: Final = 2.0  # from starting the publisher to the first event due
_PATIENCE: Final = 15.0  # how long nothing may arrive before the rest counts as lost
_QUEUE_PATIENCE: Final = 60.0  # for a queue to fill or to empty; under the visibility timeout of what is in hand


@dataclass(frozen=True, slots=True)
class System:
    """One of the two systems: the process that takes events from its queue."""

    process: Process
    queue: Queue


@dataclass(frozen=True, slots=True)
class Peak:
    """As much as it takes: from the start of consumption to the last message on a socket.

    The row is committed before its message goes out, in both systems, so that is also the last row.
    """

    seconds: float
    per_second: float
    cpu_us_per_event: dict[str, float]
    account: Account


@dataclass(frozen=True, slots=True)
class Steady:
    """A fixed rate for some seconds: latency from the moment each event was due to its message on the socket."""

    rate: float
    latency_ms: Percentiles
    cpu_us_per_event: dict[str, float]
    account: Account


class Bench:
    """Takes measures in a running environment whose users have their sockets open."""

    def __init__(self, environment: Environment, subscribers: Subscribers, *, users: int) -> None:
        self._environment = environment
        self._subscribers = subscribers
        self._users = users
        self._names = (f"run{number}" for number in itertools.count(1))

    def peak(self, system: System, way: Way, *, count: int, waiting: int) -> Peak:
        """Fill the queue up to `waiting` messages while its consumer is held still, then let go and keep it filled.

        A backlog of that size is enough for every receive to find ten.
        """
        traffic, inflow = self._next(count)
        filled = min(waiting, math.ceil(count / way.events_per_message))
        order = Order(traffic, way, waiting=waiting)
        with self._publishing(order) as publisher:
            with system.process.frozen():
                _await(lambda: system.queue.backlog() >= filled, "the queue does not fill")
                before = self._environment.cpu_seconds()
                started = time.monotonic()
            inflow.wait(patience=_PATIENCE)
            used = cpu.per_event(before, self._environment.cpu_seconds(), count)
            publisher.finish(patience=_QUEUE_PATIENCE)
        seconds = inflow.latest - started
        return Peak(seconds, len(inflow.times) / seconds, used, self._settle(system, traffic, inflow))

    def steady(self, system: System, way: Way, *, rate: float, seconds: float) -> Steady:
        """Publish at `rate` for so many seconds."""
        traffic, inflow = self._next(int(rate * seconds))
        order = Order(traffic, way, rate=rate, start_at=time.monotonic() + _BOOT_SECONDS)
        before = self._environment.cpu_seconds()
        with self._publishing(order) as publisher:
            inflow.wait(patience=_PATIENCE)
            used = cpu.per_event(before, self._environment.cpu_seconds(), traffic.count)
            publisher.finish(patience=_QUEUE_PATIENCE)
        latencies = Percentiles.of(_latencies(order, inflow))
        return Steady(rate, latencies, used, self._settle(system, traffic, inflow))

    def _next(self, count: int) -> tuple[Traffic, Inflow]:
        accounts.forget_everything(self._environment.stack.database_url)
        traffic = Traffic(next(self._names), count, self._users)
        return traffic, self._subscribers.watch(traffic.name, expected=count)

    def _publishing(self, order: Order) -> AbstractContextManager[Process]:
        return self._environment.process("publisher", [sys.executable, "-m", "benchmarks.publisher", order.as_json()])

    def _settle(self, system: System, traffic: Traffic, inflow: Inflow) -> Account:
        """Wait until nothing of the traffic can come again, and count."""
        _await(lambda: system.queue.backlog() == 0, "messages stay in the queue")
        return accounts.settle(traffic, inflow.times, self._environment.stack.database_url)


def _await(condition: Callable[[], bool], complaint: str) -> None:
    if not wait_until(condition, seconds=_QUEUE_PATIENCE):
        raise RuntimeError(complaint)


def _latencies(order: Order, inflow: Inflow) -> list[float]:
    """Return for each event how long after it was due its first message came, in seconds."""
    return [
        times[0] - order.due(number)
        for event_id, times in inflow.times.items()
        if (number := order.traffic.number(event_id)) is not None
    ]

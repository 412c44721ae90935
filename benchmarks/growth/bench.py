"""What the curves share: the running stack, a consumer that is held while its queue is filled, the account."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import cpu
from benchmarks.environment import Environment, Process, procfile_command
from benchmarks.growth.drain import Drain
from benchmarks.growth.peak_memory import PeakMemory
from benchmarks.growth.scale import Contest, Scale
from benchmarks.growth.tables import Tables
from benchmarks.publisher import Order, Way, carry_out, sender
from benchmarks.queues import Queue
from benchmarks.traffic import Traffic
from devstack.stack import EVENTS_QUEUE
from devstack.waiting import wait_until
from notifications_producer import Event

_PATIENCE: Final = 120.0  # seconds, for a drain
_WARM_UP_EVENTS: Final = 100

Tell = Callable[[str], object]
Count = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A process that takes events from its queue."""

    contest: Contest
    process: Process
    queue: Queue

    @property
    def keeps_ledger(self) -> bool:
        """Whether its events can be counted there."""
        return self.contest is Contest.OURS


class Bench:
    """Fills queues and follows their events to the last row. `tell` hears what is going on."""

    def __init__(self, environment: Environment, tables: Tables, scale: Scale, *, tell: Tell) -> None:
        self.environment = environment
        self.tables = tables
        self.scale = scale
        self.tell = tell
        self._events = environment.queue(EVENTS_QUEUE)
        self._names = (f"growth{number}" for number in itertools.count(1))

    @contextlib.contextmanager
    def intake(self, **variables: str) -> Iterator[Consumer]:
        """The intake of the Procfile with some variables of its own, warm and connected."""
        command = with_variables(variables, procfile_command("intake"))
        with self.environment.process("intake", command) as process:
            intake = Consumer(Contest.OURS, process, self._events)
            self.warm_up(intake, Way.IN_TENS)
            yield intake

    def warm_up(self, consumer: Consumer, way: Way) -> None:
        """Have it consume some events that do not count."""
        traffic = self.traffic(_WARM_UP_EVENTS)
        self._publish(traffic, way)
        self._follow(consumer, self._arrived(consumer, traffic), traffic.count)

    def traffic(self, count: int, *, users: int | None = None) -> Traffic:
        """Return a new traffic for the people, or the first `users` of them in turn."""
        return Traffic(next(self._names), count, users or self.scale.people)

    def drain(self, consumer: Consumer, traffic: Traffic, way: Way, *, heard: Count | None = None) -> Drain:
        """Fill the queue while the consumer is held, then let go and follow to the last row.

        With `heard` (events that a socket has told of) to the last of these, too.
        """
        self.tables.mark()
        arrived = self._arrived(consumer, traffic)
        with consumer.process.frozen():
            self._publish(traffic, way)
            before, started = self._cpu_seconds(), time.monotonic()
        last = self._follow(consumer, (lambda: min(arrived(), heard())) if heard else arrived, traffic.count)
        drain = self._drain(traffic.count, last - started, before)
        if not consumer.keeps_ledger:
            return drain
        self._account(traffic.count)
        return replace(drain, transactions=self.tables.transactions())

    def watch(self, intake: Consumer, event: Event) -> Drain:
        """Publish one event to the idle intake, and follow it from the call to SQS to the last row."""
        self.tables.mark()
        body, notifications = event.as_json(), len(event.recipients)
        memory = PeakMemory(intake.process.pid)
        with memory.watched():
            before, started = self._cpu_seconds(), time.monotonic()
            self._events.send([body])
            last = self._follow(intake, self.tables.entered, 1)
            drain = self._drain(notifications, last - started, before)
        self._account(notifications)
        return replace(drain, transactions=self.tables.transactions(), memory=memory.taken)

    def _publish(self, traffic: Traffic, way: Way) -> None:
        order = Order(traffic, way)
        if way is Way.AS_TASKS:  # the publisher's Celery learns from its environment where SQS is
            self.environment.run("-m", "benchmarks.publisher", order.as_json())
        else:
            carry_out(order, sender(way, self.environment.variables, self._events), backlog=self._events.waiting)

    def _arrived(self, consumer: Consumer, traffic: Traffic) -> Count:
        """Return what counts the events that are stored: those since the mark, or of the traffic."""
        return self.tables.entered if consumer.keeps_ledger else lambda: self.tables.stored_of(traffic)

    def _follow(self, consumer: Consumer, arrived: Count, count: int) -> float:
        """Wait until all has arrived and every message is deleted; return when the last one came (monotonic)."""
        _await(consumer, lambda: arrived() >= count, "events do not arrive")
        arrived_at = time.monotonic()
        _await(consumer, lambda: consumer.queue.backlog() == 0, "messages stay in the queue")
        return arrived_at

    def _drain(self, notifications: int, seconds: float, before: Mapping[str, float]) -> Drain:
        return Drain(notifications, seconds, cpu.per_event(before, self._cpu_seconds(), notifications))

    def _account(self, notifications: int) -> None:
        """Raise RuntimeError unless exactly so many are in the inboxes since the mark."""
        if (stored := self.tables.stored()) != notifications:
            raise RuntimeError(f"{stored:,} of {notifications:,} notifications are stored")

    def _cpu_seconds(self) -> dict[str, float]:
        used = self.environment.cpu_seconds()
        return {**used, "PostgreSQL": used["PostgreSQL"] - self.tables.cpu_seconds()}


def with_variables(variables: Mapping[str, str], command: list[str]) -> list[str]:
    """Return the command with some variables beside those that it inherits."""
    return ["env", *(f"{name}={value}" for name, value in variables.items()), *command]


def _await(consumer: Consumer, condition: Callable[[], bool], complaint: str) -> None:
    """Raise RuntimeError when it does not come true, or the consumer ends."""
    child = consumer.process.child
    if not wait_until(lambda: condition() or not child.is_alive, seconds=_PATIENCE):
        raise RuntimeError(complaint)
    if not child.is_alive:
        raise RuntimeError(f"{consumer.process.name} has ended; its log says why")

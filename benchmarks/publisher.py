"""Publishes on a schedule, in a process of its own: `python -m benchmarks.publisher ORDER`.

The schedule is fixed beforehand and shared: event n is due at `start_at + n / rate`. Latency is counted from there,
so an event that goes out late, since the publisher or the queue was slow, counts as late (no coordinated omission).
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from typing import Self

from benchmarks.baseline.app import publish as publish_task
from benchmarks.queues import Queue
from benchmarks.traffic import Traffic
from devstack.waiting import wait_until
from notifications_producer import Event, Producer

TEN = 10  # entries of one SQS request
_CALLS_BETWEEN_LOOKS = 10  # at the backlog
_PATIENCE = 60.0  # seconds

Send = Callable[[Sequence[Event]], object]


class Way(StrEnum):
    """How events get into the queue."""

    ONE_BY_ONE = "one call and one message an event"  # Producer.publish: what one service does when something happens
    IN_TENS = "one message an event, ten a call"  # many services at once, without the CPU that they would use elsewhere
    PACKED = "ten events a message"  # Producer.publish_many
    PACKED_IN_TENS = "ten events a message, ten messages a call"  # many services that pack, as IN_TENS
    AS_TASKS = "one Celery task an event"  # apply_async: one call each, stock kombu has no other

    @property
    def events_per_call(self) -> int:
        """How many events are handed over together; they wait for the last of them to be due."""
        if self is Way.PACKED_IN_TENS:
            return TEN * TEN
        return TEN if self in {Way.IN_TENS, Way.PACKED} else 1

    @property
    def events_per_message(self) -> int:
        """How many events share one message of the queue."""
        return TEN if self in {Way.PACKED, Way.PACKED_IN_TENS} else 1


@dataclass(frozen=True, slots=True)
class Order:
    """What to publish and when. Without a `rate` (events/s): as fast as it goes, with at most `waiting` messages
    in the queue."""

    traffic: Traffic
    way: Way
    rate: float | None = None
    waiting: int = sys.maxsize
    start_at: float = 0.0  # seconds, on the monotonic clock that all processes of a machine share

    def due(self, number: int) -> float:
        """Return when the event with this number is due; long ago when there is no schedule."""
        return self.start_at + number / self.rate if self.rate else 0.0

    def as_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read an order."""
        fields = json.loads(text)
        return cls(**{**fields, "traffic": Traffic(**fields["traffic"]), "way": Way(fields["way"])})


def carry_out(order: Order, send: Send, *, backlog: Callable[[], int]) -> None:
    """Publish all of it, each event as soon as it is due."""
    for call, numbers in enumerate(calls(order)):
        events = [order.traffic.event(number) for number in numbers]
        sleep_until(order.due(numbers[-1]))
        if order.waiting < sys.maxsize and call % _CALLS_BETWEEN_LOOKS == 0:
            wait_until(lambda: backlog() < order.waiting, seconds=_PATIENCE)
        send(events)


def calls(order: Order) -> Iterator[list[int]]:
    """Yield the numbers of the events of each call."""
    numbers = iter(range(order.traffic.count))
    while together := list(islice(numbers, order.way.events_per_call)):
        yield together


def sleep_until(moment: float) -> float:
    """Wait for a moment (monotonic) unless it has passed, and return what time it is then."""
    while (left := moment - (now := time.monotonic())) > 0:
        time.sleep(left)
    return now


def sender(way: Way, environment: Mapping[str, str], queue: Queue) -> Send:
    """Return the function that hands events over in this way."""
    match way:
        case Way.AS_TASKS:
            return _each(publish_task)
        case Way.IN_TENS:
            return lambda events: queue.send([event.as_json() for event in events])
        case Way.PACKED_IN_TENS:
            return lambda events: queue.send(_packed(events))
    producer = Producer(
        queue_url=environment["EVENTS_QUEUE_URL"],
        endpoint_url=environment["SQS_ENDPOINT_URL"],
        region=environment["AWS_DEFAULT_REGION"],
    )
    return producer.publish_many if way is Way.PACKED else _each(producer.publish)


def _each(publish: Callable[[Event], object]) -> Send:
    def send(events: Sequence[Event]) -> None:
        for event in events:
            publish(event)

    return send


def _packed(events: Sequence[Event]) -> list[str]:
    written = iter([event.as_json() for event in events])
    bodies = []
    while together := list(islice(written, TEN)):
        bodies.append(f"[{','.join(together)}]")
    return bodies


def main() -> None:
    """Carry out the order of the command line."""
    order = Order.from_json(sys.argv[1])
    queue = Queue(os.environ["EVENTS_QUEUE_URL"], region=os.environ["AWS_DEFAULT_REGION"])
    carry_out(order, sender(order.way, os.environ, queue), backlog=queue.waiting)


if __name__ == "__main__":
    main()

"""The service that publishes, at a fixed schedule, and remembers what it did."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from notifications_producer import Event, PublishFailed

_PERIOD: Final = 0.2  # seconds between two calls: by HTTP a service may make ten a second
_PATIENCE: Final = 60.0  # for what could not be published

MakeEvent = Callable[[int], Event]


class Producer(Protocol):
    """As much of notifications_producer.Producer as is used here."""

    def publish_many(self, events: Sequence[Event]) -> int:
        """Hand events over. Raises PublishFailed."""


class Publisher:
    """Publishes event after event, `rate` a second, from `start` to `stop`, whatever happens to those before.

    Event n is due at a time fixed beforehand, and late when it waits behind a call that takes long. What could not be
    handed over is kept and published again, as docs/producers.md asks of a service.
    """

    def __init__(self, producer: Producer, make_event: MakeEvent, *, rate: float, first: int) -> None:
        self._producer = producer
        self._make_event = make_event
        self._rate = rate
        self._next = first
        self._outbox: deque[Event] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.recipients: dict[str, int] = {}  # how many each event has, handed over or not
        self.published: set[str] = set()  # what was handed over
        self.due: dict[str, float] = {}  # when each event was due (monotonic), handed over or not
        self.failures = 0  # calls that did not hand over everything

    def start(self) -> None:
        """Begin; the first event is due now."""
        self._thread.start()

    def stop(self) -> int:
        """Publish no more; return how many events could not be handed over for a minute."""
        self._stopping.set()
        self._thread.join()
        return len(self._outbox)

    def publish(self, numbers: range) -> None:
        """Publish these events now, outside of the schedule: they are due at no time."""
        for number in numbers:
            self._make(number)
        self._hand_over()

    def _make(self, number: int) -> Event:
        event = self._make_event(number)
        self.recipients[event.id] = len(event.recipients)
        self._outbox.append(event)
        return event

    def _run(self) -> None:
        started, first = time.monotonic(), self._next
        while not self._stopping.wait(_PERIOD):
            while (due := started + (self._next - first) / self._rate) <= time.monotonic():
                self.due[self._make(self._next).id] = due
                self._next += 1
            self._hand_over()
        deadline = time.monotonic() + _PATIENCE
        while self._outbox and time.monotonic() < deadline:
            self._hand_over()
            time.sleep(_PERIOD)

    def _hand_over(self) -> None:
        events = list(self._outbox)
        if not events:
            return
        left: list[Event] = []
        try:
            self._producer.publish_many(events)
        except PublishFailed as failed:
            left = failed.events
            self.failures += 1
        self.published |= {event.id for event in events} - {event.id for event in left}
        self._outbox = deque(left)

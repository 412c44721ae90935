"""The producer, a process of its own: `python -m benchmarks.load.generator ORDER DIRECTORY`.

The schedule is fixed beforehand and does not wait for answers (an open loop): several calls are in flight, and a call
that takes long does not make the next ones late, unless so many take long that nobody is free. That is visible in the
sheet as calls that began after they were due, and fails the run. A producer that is hopelessly late gives up: what
follows would not be the load that was asked for.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.load.sheet import Sheet
from benchmarks.publisher import Order, Send, calls, sender, sleep_until
from benchmarks.queues import Queue

IN_FLIGHT: Final = 12  # calls
HOPELESS: Final = 15.0  # seconds behind the schedule


class Generator:
    """Carries out an order with several threads, and notes when each event's call began and ended."""

    def __init__(self, order: Order, send: Send, sheet: Sheet) -> None:
        self._order = order
        self._send = send
        self._sheet = sheet
        self._calls: Iterator[list[int]] = calls(order)
        self._taking = threading.Lock()
        self._has_given_up = False
        self.error: BaseException | None = None

    def carry_out(self, *, in_flight: int = IN_FLIGHT) -> None:
        """Publish everything. Raises the first error that a call had."""
        threads = [threading.Thread(target=self._work) for _ in range(in_flight)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        try:
            while numbers := self._take():
                self._call(numbers)
        except Exception as error:  # of a thread; carry_out raises it
            self.error = self.error or error

    def _take(self) -> list[int]:
        with self._taking:
            return [] if self.error or self._has_given_up else next(self._calls, [])

    def _call(self, numbers: list[int]) -> None:
        """Publish the events of one call when the last of them is due."""
        first, end = numbers[0], numbers[-1] + 1
        events = [self._order.traffic.event(number) for number in numbers]
        due = self._order.due(numbers[-1])
        self._sheet.called[first:end] = began = sleep_until(due)
        self._has_given_up |= began - due > HOPELESS
        self._send(events)
        self._sheet.published[first:end] = time.monotonic()


def main() -> None:
    """Carry out the order of the command line."""
    order = Order.from_json(sys.argv[1])
    queue = Queue(os.environ["EVENTS_QUEUE_URL"], region=os.environ["AWS_DEFAULT_REGION"])
    Generator(order, sender(order.way, os.environ, queue), Sheet(Path(sys.argv[2]), order.traffic)).carry_out()


if __name__ == "__main__":
    main()

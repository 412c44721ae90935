"""Between receivers and processors: single messages in, micro-batches out."""

import math
import queue
import threading
import time
from typing import Final

from django.conf import settings

from notifications.event_queue import Received
from notifications.intake.pace import Pace

_BATCH_BYTES: Final = 512 * 1024  # of bodies, for producers that pack many events into a message


class MicroBatches:
    """Messages that wait to be processed, two large batches of them at most. Safe to share between threads."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._messages: queue.Queue[Received | None] = queue.Queue(maxsize=2 * settings.INTAKE_BATCH_MESSAGES)
        self._gathering = threading.Lock()
        self._gathered_at = -math.inf  # monotonic

    def put(self, message: Received) -> None:
        """Add a message; waits for room."""
        self._messages.put(message)

    def end(self) -> None:
        """No message comes any more; whoever asks for a batch gets what is left, and then an empty one."""
        self._messages.put(None)

    def next(self) -> list[Received]:
        """Wait for a message, then a moment for company; empty when there will be no more.

        One processor at a time: two would share what makes one good batch.
        """
        with self._gathering:
            batch = self._gather()
            self._gathered_at = time.monotonic()
        return batch

    def _gather(self) -> list[Received]:
        first = self._take(wait_seconds=None)
        if first is None:
            return []
        batch, size = [first], len(first.body)
        a_moment = time.monotonic() + settings.INTAKE_BATCH_WAIT.total_seconds()
        deadline = max(a_moment, self._gathered_at + settings.INTAKE_BATCH_EVERY.total_seconds())
        largest = self._pace.largest_batch
        while len(batch) < largest and size < _BATCH_BYTES:
            message = self._take(wait_seconds=max(0.0, deadline - time.monotonic()))
            if message is None:
                break
            batch.append(message)
            size += len(message.body)
        return batch

    def _take(self, *, wait_seconds: float | None) -> Received | None:
        """Return the next message; None when none comes in time, or none will come any more."""
        try:
            message = self._messages.get(timeout=wait_seconds)
        except queue.Empty:
            return None
        if message is None:
            self._messages.put(None)  # for whoever asks next: the end stays the end
        return message

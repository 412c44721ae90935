"""From the queue to the pipeline: long polls in flight, micro-batches, deletes after the commit.

Receivers (threads) poll and fill a buffer; processors (threads, each with a database connection) empty it batch by
batch, so that one batch is computed while another waits for PostgreSQL. When PostgreSQL is away everybody waits at
a gate, and the messages in hand stay ours meanwhile: only a crash of the process counts toward the receives after
which SQS gives a message up.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from notifications import pipeline
from notifications.event_queue import EventQueue, Received
from notifications.models import Path
from notifications.outages import drop_connection, is_outage
from notifications.pipeline import Message
from preferences import rollout

logger = logging.getLogger(__name__)

_QUEUE_ERRORS: Final = (ClientError, BotoCoreError)
_PAUSE_SECONDS: Final = 0.5  # between two looks at a gate, a switch, or a queue that does not answer
_BATCH_BYTES: Final = 512 * 1024  # of bodies, for producers that pack many events into a message
_MOST_BYTES: Final = 64 * 1024 * 1024  # of bodies in hand, whatever their number
_SPLIT_AFTER: Final = 3  # failures of one batch while PostgreSQL answers


class Intake:
    """One intake process's work, from `start` until `stop`."""

    def __init__(self, events: EventQueue) -> None:
        self._events = events
        self._stopping = threading.Event()
        self._database_is_there = threading.Event()
        self._database_is_there.set()
        self._failed = False
        self._buffer: queue.Queue[Received | None] = queue.Queue(maxsize=2 * settings.INTAKE_BATCH_MESSAGES)
        self._in_hand: dict[str, float] = {}  # receipt -> when it must be kept again
        self._bytes_in_hand = 0
        self._counting = threading.Lock()
        self._receivers = self._threads(self._receive, settings.INTAKE_RECEIVERS)
        self._processors = self._threads(self._process, settings.INTAKE_PROCESSORS)
        self._keepers = self._threads(self._keep, 1)
        self._finished = threading.Event()

    def start(self) -> None:
        """Begin to receive and process."""
        for thread in [*self._receivers, *self._processors, *self._keepers]:
            thread.start()

    def stop(self) -> None:
        """Receive no more; what is in hand is finished, or put back when PostgreSQL is away."""
        self._stopping.set()

    def join(self) -> bool:
        """Wait until it was stopped and everything in hand is settled.

        False, at once, when a thread died of an error: the process must end, and SQS sends again what it had in hand.
        """
        self._stopping.wait()
        if self._failed:
            return False
        for receiver in self._receivers:
            receiver.join()
        for _ in self._processors:
            self._buffer.put(None)
        for processor in self._processors:
            processor.join()
        self._finished.set()
        return not self._failed

    def _threads(self, target: Callable[[], None], count: int) -> list[threading.Thread]:
        name = target.__name__.strip("_")
        return [
            threading.Thread(target=self._run, args=[target], name=f"{name}-{n}", daemon=True) for n in range(count)
        ]

    def _run(self, target: Callable[[], None]) -> None:
        """Run a thread's work; an error that nobody foresaw ends the process, which its supervisor starts anew."""
        try:
            target()
        except Exception:
            logger.exception("intake thread died")
            self._failed = True
            self.stop()
        finally:
            connection.close()

    # --- Receiving -------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        while not self._stopping.is_set():
            if not self._may_receive():
                continue
            try:
                received = self._events.receive()
            except _QUEUE_ERRORS as error:
                logger.warning("queue unreachable", extra={"error": type(error).__name__})
                self._stopping.wait(_PAUSE_SECONDS)
                continue
            self._take_in_hand(received)

    def _may_receive(self) -> bool:
        """Whether to poll now; waits a moment when not."""
        if not self._database_is_there.wait(timeout=_PAUSE_SECONDS):
            return False
        try:
            killed = rollout.current().is_killed
        except DatabaseError:
            drop_connection()
            self._database_is_there.clear()
            return self._database_answers()
        if killed or self._bytes_in_hand > _MOST_BYTES:
            self._stopping.wait(_PAUSE_SECONDS)
            return False
        return True

    def _take_in_hand(self, received: Sequence[Received]) -> None:
        keep_at = time.monotonic() + settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds() / 3
        for message in received:  # all of them first: the buffer may have no room for a while
            self._in_hand[message.receipt] = keep_at
        self._count_bytes(received, sign=1)
        for message in received:
            self._buffer.put(message)

    def _count_bytes(self, messages: Sequence[Received], *, sign: int) -> None:
        with self._counting:
            self._bytes_in_hand += sign * sum(len(message.body) for message in messages)

    # --- Processing ------------------------------------------------------------------------------------------

    def _process(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)

    def _next_batch(self) -> list[Received]:
        """Wait for a message, then a moment for company; empty when there will be no more."""
        first = self._buffer.get()
        if first is None:
            return []
        batch, size = [first], len(first.body)
        deadline = time.monotonic() + settings.INTAKE_BATCH_WAIT.total_seconds()
        while len(batch) < settings.INTAKE_BATCH_MESSAGES and size < _BATCH_BYTES:
            try:
                message = self._buffer.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if message is None:
                self._buffer.put(None)  # the end is for the next call
                break
            batch.append(message)
            size += len(message.body)
        return batch

    def _settle(self, batch: Sequence[Received]) -> None:
        """Process the batch and delete its messages, however long PostgreSQL is away; or put them back.

        What fails again and again while PostgreSQL answers (a lock, a timeout) is tried by halves, so that it holds up
        nothing but itself.
        """
        failures = 0
        while self._may_process():
            try:
                pipeline.process([Message(received.body, received.sent_at) for received in batch], path=Path.SQS)
            except DatabaseError as error:
                if not is_outage(error):
                    raise
                logger.warning("batch failed in the database", extra={"error": type(error).__name__})
                failures += 1
                self._await_database()
            else:
                self._dispose(self._events.delete, batch)
                return
            if failures >= _SPLIT_AFTER and len(batch) > 1:
                middle = len(batch) // 2
                self._settle(batch[:middle])
                self._settle(batch[middle:])
                return
        self._dispose(self._events.put_back, batch)

    def _may_process(self) -> bool:
        """Wait until the kill switch is off and PostgreSQL answers; False when we stop before that.

        What is in hand stays so meanwhile: putting it back would count as a receive.
        """
        while not (self._stopping.is_set() and not self._database_is_there.is_set()):
            try:
                if not rollout.current().is_killed:
                    return True
            except DatabaseError:
                self._await_database()
                continue
            if self._stopping.wait(_PAUSE_SECONDS):
                break
        return False

    def _dispose(self, action: Callable[[list[str]], int], batch: Sequence[Received]) -> None:
        """Delete or put back the messages. Those that SQS would not take will come again, which is harmless."""
        receipts = [received.receipt for received in batch]
        try:
            if failed := action(receipts):
                logger.warning("messages will come again", extra={"messages": failed})
        except _QUEUE_ERRORS as error:
            logger.warning("messages will come again", extra={"error": type(error).__name__, "messages": len(batch)})
        self._count_bytes(batch, sign=-1)
        for receipt in receipts:
            self._in_hand.pop(receipt, None)

    # --- While PostgreSQL is away ----------------------------------------------------------------------------

    def _await_database(self) -> None:
        """Probe until PostgreSQL takes writes or we stop; nobody receives meanwhile."""
        self._database_is_there.clear()
        drop_connection()
        while not self._database_answers() and not self._stopping.is_set():
            self._stopping.wait(_PAUSE_SECONDS)

    def _database_answers(self) -> bool:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW transaction_read_only")
                (is_read_only,) = cursor.fetchone()
        except DatabaseError:
            drop_connection()
            return False
        if is_read_only == "on":  # a replica, until its promotion is over
            drop_connection()
            return False
        self._database_is_there.set()
        return True

    # --- Keeping what is in hand -----------------------------------------------------------------------------

    def _keep(self) -> None:
        """Prolong the visibility timeout of what is in hand for long: PostgreSQL is away, or a batch is large."""
        period = settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds() / 3
        while not self._finished.wait(timeout=period / 4):
            now = time.monotonic()
            due = [receipt for receipt, keep_at in list(self._in_hand.items()) if keep_at <= now]
            if not due:
                continue
            try:
                self._events.keep(due)
            except _QUEUE_ERRORS as error:
                logger.warning("messages may come again", extra={"error": type(error).__name__, "messages": len(due)})
                continue
            for receipt in due:
                if receipt in self._in_hand:
                    self._in_hand[receipt] = now + period

"""From a queue to the pipeline: polls in flight, micro-batches, deletes after the commit.

Two queues feed it: SQS, and the table where POST /api/v1/events keeps what producers publish while SQS is away.

Receivers (threads) poll and fill a buffer; processors (threads, each with a database connection) empty it batch by
batch, so that one batch is computed while another waits for PostgreSQL. When PostgreSQL is away everybody waits at
a gate, and the messages in hand stay ours meanwhile: only a crash of the process counts toward the receives after
which SQS gives a message up.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from notifications import pipeline
from notifications.event_queue import EventQueue, Received
from notifications.in_hand import InHand, keeping_seconds
from notifications.models import Path
from notifications.pace import Pace
from notifications.pipeline import Message
from notifications.queue_outage import QueueOutage
from notifications.waiting_events import WaitingEvents
from preferences import rollout
from preferences.outages import drop_connection, is_outage
from telemetry import internal_errors
from telemetry.metrics import Place

logger = logging.getLogger(__name__)

_SQS_ERRORS: Final = (ClientError, BotoCoreError)
_QUEUE_ERRORS: Final = (*_SQS_ERRORS, DatabaseError)
_PAUSE_SECONDS: Final = 0.5  # between two looks at a gate, a switch, or a queue that does not answer
_BATCH_BYTES: Final = 512 * 1024  # of bodies, for producers that pack many events into a message
_SPLIT_AFTER: Final = 3  # failures of one batch while PostgreSQL answers


class Queue(Protocol):
    """Where events wait. Each call raises ClientError, BotoCoreError or DatabaseError when the queue is away."""

    @property
    def pause_seconds(self) -> float:
        """How long to wait after a receive that brought nothing; 0 when `receive` itself waits."""

    def receive(self) -> list[Received]:
        """Take some messages in hand, hidden from others for settings.INTAKE_VISIBILITY_TIMEOUT."""

    def delete(self, receipts: list[str]) -> int:
        """Forget messages; return how many stayed."""

    def put_back(self, receipts: list[str]) -> int:
        """Let others have messages at once; return how many they must wait for."""

    def keep(self, receipts: list[str]) -> int:
        """Hide messages for another timeout; return how many were refused."""


class Intake:
    """The work of one process on one queue, from `start` until `stop`, or until `stopping` is set by somebody else."""

    def __init__(
        self,
        events: Queue,
        *,
        path: Path = Path.SQS,
        receivers: int | None = None,
        processors: int | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self._events = events
        self._path = path
        self._stopping = stopping or threading.Event()
        self._database_is_there = threading.Event()
        self._database_is_there.set()
        self._failed = False
        self._buffer: queue.Queue[Received | None] = queue.Queue(maxsize=2 * settings.INTAKE_BATCH_MESSAGES)
        self._in_hand = InHand()
        self._outage = QueueOutage()
        self._pace = Pace()
        self._gathering = threading.Lock()
        self._gathered_at = -math.inf  # monotonic
        self._receivers = self._threads(self._receive, receivers or settings.INTAKE_RECEIVERS)
        self._processors = self._threads(self._process, processors or settings.INTAKE_PROCESSORS)
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
        name = f"{self._path}-{target.__name__.strip('_')}"
        return [
            threading.Thread(target=self._run, args=[target], name=f"{name}-{n}", daemon=True) for n in range(count)
        ]

    def _run(self, target: Callable[[], None]) -> None:
        """Run a thread's work; an error that nobody foresaw ends the process, which its supervisor starts anew."""
        try:
            target()
        except Exception:
            logger.exception("intake thread died")
            internal_errors.count(Place.INTAKE)
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
            except _SQS_ERRORS as error:
                self._outage.failed(error)
                self._stopping.wait(_PAUSE_SECONDS)
                continue
            except DatabaseError as error:
                if not is_outage(error):
                    raise
                self._await_database()
                continue
            self._outage.answered()
            self._in_hand.take(received)  # all of them first: the buffer may have no room for a while
            for message in received:
                self._buffer.put(message)
            if not received:
                self._stopping.wait(self._events.pause_seconds)

    def _may_receive(self) -> bool:
        """Whether to poll now; waits a moment when not."""
        if not self._database_is_there.wait(timeout=_PAUSE_SECONDS):
            return False
        try:
            killed = rollout.current().is_killed
        except DatabaseError:
            self._await_database()
            return False
        finally:
            connection.close()  # receivers may be more than the pool has connections, and one of them looks a second
        if killed or self._in_hand.is_full:
            self._stopping.wait(_PAUSE_SECONDS)
            return False
        return True

    # --- Processing ------------------------------------------------------------------------------------------

    def _process(self) -> None:
        while batch := self._next_batch():
            self._stopping.wait(self._pace.take(batch).total_seconds())
            self._settle(batch)

    def _next_batch(self) -> list[Received]:
        """Wait for a message, then a moment for company; empty when there will be no more.

        One processor at a time: two would share what makes one good batch.
        """
        with self._gathering:
            batch = self._gather()
            self._gathered_at = time.monotonic()
        return batch

    def _gather(self) -> list[Received]:
        first = self._buffer.get()
        if first is None:
            return []
        batch, size = [first], len(first.body)
        a_moment = time.monotonic() + settings.INTAKE_BATCH_WAIT.total_seconds()
        deadline = max(a_moment, self._gathered_at + settings.INTAKE_BATCH_EVERY.total_seconds())
        largest = self._pace.largest_batch
        while len(batch) < largest and size < _BATCH_BYTES:
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
                pipeline.process([Message(received.body, received.sent_at) for received in batch], path=self._path)
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
        """Delete or put back the messages. Those that the queue would not take will come again, which is harmless."""
        receipts = [received.receipt for received in batch]
        try:
            if failed := action(receipts):
                logger.warning("messages will come again", extra={"messages": failed})
        except _QUEUE_ERRORS as error:
            _warn(error, messages=len(batch))
        self._in_hand.let_go(batch)

    # --- While PostgreSQL is away ----------------------------------------------------------------------------

    def _await_database(self) -> None:
        """Probe until PostgreSQL takes writes or we stop; nobody receives meanwhile.

        Whoever closes the gate opens it again: the others may have nothing in hand, and wait for that.
        """
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
        while not self._finished.wait(timeout=keeping_seconds() / 4):
            if not (due := self._in_hand.due()):
                continue
            try:
                self._events.keep(due)
            except _QUEUE_ERRORS as error:
                _warn(error, messages=len(due))
            else:
                self._in_hand.kept(due)
            finally:
                connection.close()  # it is long until the next time


def _warn(error: Exception, *, messages: int) -> None:
    """Say that the queue did not take a call, and give up a connection to PostgreSQL that may be broken by that."""
    logger.warning("messages may come again", extra={"error": type(error).__name__, "messages": messages})
    if isinstance(error, DatabaseError):
        drop_connection()


def of_process() -> "list[Intake]":
    """Return what one intake process does: a queue each, and when one of them stops or fails, the others stop too.

    The table has few events unless SQS is away, and then the threads for SQS have nothing to do.
    """
    stopping = threading.Event()
    return [
        Intake(EventQueue(), stopping=stopping),
        Intake(WaitingEvents(), path=Path.HTTP, receivers=1, processors=1, stopping=stopping),
    ]

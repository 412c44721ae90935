"""From a queue to the pipeline: polls in flight, micro-batches, deletes after the commit.

Two queues feed it: SQS, and the table where POST /api/v1/events keeps what producers publish while SQS is away.

Receivers (threads) poll and hand on what they get; processors (threads, each with a database connection) take it batch
by batch, so that one batch is computed while another waits for PostgreSQL. When PostgreSQL is away everybody waits at
a gate, and the messages in hand stay ours meanwhile: only a crash of the process counts toward the receives after
which SQS gives a message up. Two threads more prolong what is in hand for long, and see a stop through.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from notifications import pipeline
from notifications.event_queue import EventQueue, Received
from notifications.intake.database_gate import DatabaseGate
from notifications.intake.in_hand import InHand, keeping_seconds
from notifications.intake.micro_batches import MicroBatches
from notifications.intake.pace import Pace
from notifications.intake.queue_outage import QueueOutage
from notifications.intake.queues import SQS_ERRORS, Queue
from notifications.models import Path
from notifications.pipeline import Message
from notifications.waiting_events import WaitingEvents
from preferences import rollout
from preferences.outages import is_outage
from telemetry import internal_errors
from telemetry.metric_catalog import Place

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.5  # between two looks at a gate, a switch, or a queue that does not answer
_HEED_SIGNALS_SECONDS: Final = 0.5
_SPLIT_AFTER: Final = 3  # failures of one batch while PostgreSQL answers


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
        self._finished = threading.Event()
        self._failed = False
        self._database = DatabaseGate(self._stopping)
        self._pace = Pace()
        self._batches = MicroBatches(self._pace)
        self._in_hand = InHand(events)
        self._outage = QueueOutage()
        self._receivers = self._threads(self._receive, receivers or settings.INTAKE_RECEIVERS)
        self._processors = self._threads(self._process, processors or settings.INTAKE_PROCESSORS)
        self._others = [*self._threads(self._keep, 1), *self._threads(self._drain, 1)]

    def start(self) -> None:
        """Begin to receive and process."""
        for thread in [*self._receivers, *self._processors, *self._others]:
            thread.start()

    def stop(self) -> None:
        """Receive no more; what is in hand is finished, or put back when PostgreSQL is away."""
        self._stopping.set()

    def join(self) -> bool:
        """Wait until it was stopped and everything in hand is settled.

        False, at once, when a thread died of an error: the process must end, and SQS sends again what it had in hand.
        """
        # Whichever thread hears a signal, Python runs its handler in the main one, and not while that waits for ever.
        while not self._finished.wait(timeout=_HEED_SIGNALS_SECONDS):
            pass
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
            self._finished.set()
        finally:
            connection.close()

    def _drain(self) -> None:
        """Once it was stopped, wait for the others: what receivers still bring is processed before the end."""
        self._stopping.wait()
        for receiver in self._receivers:
            receiver.join()
        self._batches.end()
        for processor in self._processors:
            processor.join()
        self._finished.set()

    # --- Receiving -------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        while not self._stopping.is_set():
            if not self._may_receive():
                continue
            try:
                received = self._events.receive()
            except SQS_ERRORS as error:
                self._outage.failed(error)
                self._stopping.wait(_PAUSE_SECONDS)
            except DatabaseError as error:
                if not is_outage(error):
                    raise
                self._database.close_until_it_answers()
            else:
                self._outage.answered()
                self._hand_on(received)

    def _hand_on(self, received: Sequence[Received]) -> None:
        self._in_hand.take(received)  # all of them first: there may be no room for the next batch for a while
        for message in received:
            self._batches.put(message)
        if not received:
            self._stopping.wait(self._events.pause_seconds)

    def _may_receive(self) -> bool:
        """Whether to poll now; waits a moment when not."""
        if not self._database.wait(seconds=_PAUSE_SECONDS):
            return False
        try:
            killed = rollout.current().is_killed
        except DatabaseError:
            self._database.close_until_it_answers()
            return False
        finally:
            connection.close()  # receivers may be more than the pool has connections, and one of them looks a second
        if killed or self._in_hand.is_full:
            self._stopping.wait(_PAUSE_SECONDS)
            return False
        return True

    # --- Processing ------------------------------------------------------------------------------------------

    def _process(self) -> None:
        while batch := self._batches.next():
            self._stopping.wait(self._pace.take(batch).total_seconds())
            self._settle(batch)

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
                self._database.close_until_it_answers()
            else:
                self._in_hand.delete(batch)
                return
            if failures >= _SPLIT_AFTER and len(batch) > 1:
                middle = len(batch) // 2
                self._settle(batch[:middle])
                self._settle(batch[middle:])
                return
        self._in_hand.put_back(batch)

    def _may_process(self) -> bool:
        """Wait until the kill switch is off and PostgreSQL answers; False when we stop before that.

        What is in hand stays so meanwhile: putting it back would count as a receive.
        """
        while self._database.is_open or not self._stopping.is_set():
            try:
                if not rollout.current().is_killed:
                    return True
            except DatabaseError:
                self._database.close_until_it_answers()
                continue
            if self._stopping.wait(_PAUSE_SECONDS):
                break
        return False

    # --- Keeping what is in hand -----------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._finished.wait(timeout=keeping_seconds() / 4):
            self._in_hand.keep_due()
            connection.close()  # it is long until the next time


def of_process() -> "list[Intake]":
    """Return what one intake process does: a queue each, and when one of them stops or fails, the others stop too.

    The table has few events unless SQS is away, and then the threads for SQS have nothing to do.
    """
    stopping = threading.Event()
    return [
        Intake(EventQueue(), stopping=stopping),
        Intake(WaitingEvents(), path=Path.HTTP, receivers=1, processors=1, stopping=stopping),
    ]

"""Everything of a drill that runs, and the hands that break and mend it."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.environment import ROOT, Environment
from benchmarks.queues import Queue
from devstack.ports import http_status
from devstack.processes import read_procfile
from devstack.stack import EVENTS_QUEUE, Servers
from devstack.waiting import wait_until
from drills import traffic
from drills.bells import Bells
from drills.books import Books
from drills.database import Database
from drills.listing import Listing
from drills.providers import Providers
from drills.publisher import Publisher
from drills.supervisor import Supervisor
from notifications_producer import HttpFallback, Producer

_READY_PATIENCE: Final = 90.0  # seconds
Tell = Callable[[str], None]

#: Shorter than usual, so that a drill ends sooner; what is drilled is the same.
_SETTINGS: Final = {
    "RELEASE_RAMP_SECONDS": "20",  # 60: after a release; ten doublings either way
    "INTAKE_VISIBILITY_TIMEOUT_SECONDS": "20",  # 60: until another intake has what a killed one had in hand
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not finished."""

    queued: int  # messages on SQS, or in an intake's hands
    waiting: int  # events in the table of POST /api/v1/events
    deliveries: int  # mails and pushes
    untold: int  # notifications of which their bell has not heard

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way any more; what is held for a digest is not."""
        return not (self.queued or self.waiting or self.deliveries or self.untold)

    def __str__(self) -> str:
        parts = (
            (self.queued, "messages in SQS"),
            (self.waiting, "events in the table"),
            (self.deliveries, "mails and pushes"),
            (self.untold, "bells to be told"),
        )
        return ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing"


class Stage:
    """One drill's stack, people and publisher."""

    def __init__(
        self,
        environment: Environment,
        processes: Supervisor,
        bells: Bells,
        publisher: Publisher,
        *,
        tokens: Sequence[str],
    ) -> None:
        self.servers: Servers = environment.servers
        self.processes = processes
        self.bells = bells
        self.publisher = publisher
        self.providers = Providers(environment.stack)
        self._environment = environment
        self.database = Database(environment.servers.postgres.url)
        prefix = environment.variables.get("OUTBOUND_QUEUE_PREFIX", "notification")
        self._queue: Queue = environment.queue(EVENTS_QUEUE)
        self._maintenance: Queue = environment.queue(f"{prefix}-maintenance")
        self._dead_letters: Queue = environment.queue(f"{EVENTS_QUEUE}-dlq")
        self.base_url = environment.stack.base_url
        self.tokens = tokens  # of the people, by number

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, users: int, rate: float, logs: Path, tell: Tell) -> Iterator[Self]:
        """Start everything and wait until an event goes all the way; nothing runs any more when it is left."""
        tell("starting PostgreSQL, Valkey, SQS, SES, FCM and APNs")
        with Environment.running(logs=logs) as environment, contextlib.ExitStack() as running:
            tell("starting every process of the Procfile")
            environment.variables.update(_SETTINGS)
            processes = Supervisor(read_procfile(ROOT / "Procfile"), environment.variables, directory=ROOT, logs=logs)
            running.enter_context(processes)
            tokens = json.loads(environment.run("-m", "drills.population", str(users)))
            port = int(environment.variables["PORT"])
            if not wait_until(lambda: http_status(port, "/readyz") == HTTPStatus.OK, seconds=_READY_PATIENCE):
                raise RuntimeError(f"the web process is not ready; its log is in {logs}")
            stack = environment.stack
            bells = running.enter_context(Bells(stack.websocket_url, tokens["users"], Listing(stack.base_url)))
            publisher = _publisher(environment, tokens["service"], users=users, rate=rate)
            stage = cls(environment, processes, bells, publisher, tokens=tokens["users"])
            stage._warm_up(tell)
            yield stage

    def _warm_up(self, tell: Tell) -> None:
        """Send everybody one event, so that every process has worked and every bell knows where to resume."""
        tell("warming up")
        if not wait_until(lambda: self.bells.are_open, seconds=_READY_PATIENCE):
            raise RuntimeError("not every bell opens")
        self.publisher.publish(range(len(self.tokens)))
        if not wait_until(self._is_warm, seconds=_READY_PATIENCE):
            ended = ", ".join(self.processes.collapses) or "none"
            raise RuntimeError(f"still under way: {self.backlog()}; processes that end by themselves: {ended}")

    def _is_warm(self) -> bool:
        return len(self.bells.first_heard) >= len(self.tokens) and self.backlog().is_empty

    # --- Looking on ------------------------------------------------------------------------------------------

    def backlog(self) -> Backlog:
        """Look at what is under way. Raises psycopg.Error or BotoCoreError while PostgreSQL or SQS is away."""
        return Backlog(
            queued=self._queue.backlog(),
            waiting=self.database.events_waiting(),
            deliveries=self.database.deliveries_under_way(),
            untold=self.database.notifications() - len(self.bells.first_heard),
        )

    def drain(self, *, patience: float, tell: Tell) -> bool:
        """Wait until nothing is under way; False when something still is after `patience` seconds."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                backlog = self.backlog()
            except (psycopg.Error, BotoCoreError, ClientError) as error:
                tell(f"draining: {type(error).__name__}")
            else:
                if backlog.is_empty:
                    return True
                tell(f"draining: {backlog}")
            time.sleep(0.5)
        return False

    def held_messages(self) -> int:
        """Return how many messages wait in SQS."""
        return self._queue.backlog()

    def dead_letters(self) -> int:
        """Return how many messages SQS has given up."""
        return self._dead_letters.backlog()

    def redrive(self) -> None:
        """Send again what SQS has given up, by the command for it."""
        self._environment.run("manage.py", "redrive_dead_letters")

    def retry_lost(self) -> None:
        """Have tried again, by the command for it, what was given up because all its workers died."""
        self._environment.run("manage.py", "retry_deliveries", "--error", "worker_lost")

    def books(self) -> Books:
        """Read what the product has on record."""
        return Books.from_json(json.loads(self._environment.run("-m", "drills.bookkeeping")))

    # --- Breaking and mending --------------------------------------------------------------------------------

    def call(self, task: str) -> None:
        """Call the maintenance worker, as beat does, and return when it has nothing to do any more."""
        self._environment.run("-m", "celery", "--quiet", "-A", "notifications_project", "call", task)
        if not wait_until(lambda: self._maintenance.backlog() == 0, seconds=_READY_PATIENCE):
            raise RuntimeError(f"the maintenance worker does not come to {task}")


def _publisher(environment: Environment, token: str, *, users: int, rate: float) -> Publisher:
    stack = environment.stack
    producer = Producer(
        queue_url=stack.events_queue_url,
        endpoint_url=stack.sqs_endpoint_url,
        region=environment.variables["AWS_DEFAULT_REGION"],
        fallback=HttpFallback(f"{stack.base_url}/api/v1/events", token=token),
    )
    return Publisher(producer, lambda number: traffic.event(number, users=users), rate=rate, first=users)

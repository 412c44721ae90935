"""Everything of a load that runs: servers, processes, sockets."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.environment import ROOT, Environment, Process
from benchmarks.load.listener import LISTENING, TOKENS
from benchmarks.load.plan import Plan
from benchmarks.load.providers import Providers
from benchmarks.load.sheet import Sheet
from benchmarks.publisher import Order
from benchmarks.traffic import Traffic
from devstack.private_file import write_private_file
from devstack.processes import read_procfile
from devstack.stack import EVENTS_QUEUE
from devstack.waiting import wait_until

_PATIENCE: Final = 90.0  # seconds, for a start
_WAKING_RATE: Final = 200.0  # events/s that wake everybody before the load
_WAKING: Final = "wake"

_STORED: Final = "SELECT count(*) FROM notifications"
_UNDER_WAY: Final = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """A running system that has had an event for every user."""

    environment: Environment
    plan: Plan
    sheet: Sheet
    providers: Providers
    directory: Path

    @contextlib.contextmanager
    def publishing(self, order: Order) -> Iterator[Process]:
        """Run the producer; leaving waits for nothing."""
        command = [sys.executable, "-m", "benchmarks.load.generator", order.as_json(), str(self.directory)]
        with self.environment.process("producer", command) as process:
            yield process


@contextlib.contextmanager
def running(plan: Plan, *, logs: Path, tell: Tell) -> Iterator[Running]:
    """Start everything and wait until an event for every user has gone all the way."""
    tell("starting PostgreSQL, Valkey, SQS, SES, FCM and APNs")
    with (
        Environment.running(logs=logs) as environment,
        tempfile.TemporaryDirectory(prefix="notifications-load-") as directory,
        contextlib.ExitStack() as processes,
    ):
        population = environment.run("-m", "benchmarks.load.population", plan.mix, str(plan.users))
        write_private_file(Path(directory) / TOKENS, population)
        tell("starting every process of the Procfile")
        processes.enter_context(environment.web())
        for name in read_procfile(ROOT / "Procfile"):
            if name != "web":
                processes.enter_context(environment.procfile_process(name))
        traffic = plan.order(start_at=0.0).traffic
        everything = Running(
            environment, plan, Sheet.new(Path(directory), traffic), Providers(environment.stack), Path(directory)
        )
        tell(f"opening {plan.users:,} sockets")
        processes.enter_context(_listening(everything))
        tell("waking everybody")
        _wake(everything)
        yield everything


@contextlib.contextmanager
def _listening(everything: Running) -> Iterator[Process]:
    order = everything.plan.order(start_at=0.0)
    command = [sys.executable, "-m", "benchmarks.load.listener", order.as_json(), str(everything.directory)]
    with everything.environment.process("sockets", command) as process:
        _await(
            lambda: (everything.directory / LISTENING).exists() or not process.child.is_alive, "the sockets do not open"
        )
        if not process.child.is_alive:
            raise RuntimeError(f"the sockets do not open; see {everything.environment.logs / 'sockets.log'}")
        yield process


def _wake(everything: Running) -> None:
    """Have every process work, every connection open and every user hear once, before anything counts."""
    plan = everything.plan
    traffic = Traffic(_WAKING, plan.users, plan.users)
    order = Order(traffic, plan.mix.way, rate=_WAKING_RATE, start_at=time.monotonic())
    with tempfile.TemporaryDirectory(dir=everything.directory) as directory:
        Sheet.new(Path(directory), traffic)
        command = [sys.executable, "-m", "benchmarks.load.generator", order.as_json(), directory]
        with (
            everything.environment.process("waking producer", command) as producer,
            psycopg.connect(everything.environment.stack.database_url, autocommit=True) as connection,
        ):
            producer.finish(patience=_PATIENCE)
            _await(lambda: _is_through(connection, plan), "the first events do not get through")
    _await(lambda: everything.environment.queue(EVENTS_QUEUE).backlog() == 0, "messages stay in the queue")


def _is_through(connection: "psycopg.Connection[Any]", plan: Plan) -> bool:
    [(stored,)] = connection.execute(_STORED).fetchall()
    [(under_way,)] = connection.execute(_UNDER_WAY).fetchall()
    return bool(stored >= plan.users and under_way == 0)


def _await(condition: Callable[[], bool], complaint: str) -> None:
    if not wait_until(condition, seconds=_PATIENCE):
        raise RuntimeError(complaint)

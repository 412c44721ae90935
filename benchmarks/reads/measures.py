"""Takes the measures: each kind of call in short blocks, in turn, on a quiet table and while events are stored."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import psycopg

from benchmarks import cpu
from benchmarks.environment import Environment, Process
from benchmarks.publisher import Order, Way
from benchmarks.reads.client import Client
from benchmarks.reads.inboxes import Population, fill
from benchmarks.reads.kinds import Book, Kind, leaf_through
from benchmarks.traffic import Traffic
from devstack.ports import LOOPBACK
from devstack.waiting import wait_until

_BOOT_SECONDS: Final = 2.0  # from starting the publisher to the first event due
_PATIENCE: Final = 60.0  # seconds, until the first event is stored
_LONGEST: Final = 1_800.0  # seconds of events, of which we take what we need
_EACH_OF_HOARDER: Final = 1  # call a block: it is one person, who may call 60 times a minute
_STORED: Final = "SELECT count(*) FROM received_events"
_OF_EVENT: Final = f"{_STORED} WHERE source = %s AND event_id = %s"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    population: Population = Population(rows=1_000_000, readers=400, hoard=100_000)  # noqa: RUF009 - frozen
    writes: float = 200.0  # events a second, while there are any
    blocks: int = 10  # of each kind, in each scene
    block: int = 40  # calls


@dataclass(frozen=True, slots=True)
class Scene:
    """How many call at once, each without a pause, and how many events a second are stored meanwhile."""

    connections: int
    writes: float

    @property
    def name(self) -> str:
        """For tables."""
        beside = f"{self.writes:,.0f} events/s beside" if self.writes else "nothing beside"
        return f"{self.connections} at once, {beside}"


@dataclass(slots=True)
class Tally:
    """What the blocks of one kind came to: seconds of each call, and CPU seconds of all of them."""

    seconds: list[float] = field(default_factory=list)
    web: float = 0.0
    database: float = 0.0  # of all backends: in a scene with writes, theirs too
    client: float = 0.0

    def us(self, cpu_seconds: float) -> float:
        """Return what one call took, in microseconds."""
        return cpu_seconds / max(len(self.seconds), 1) * 1e6


@dataclass(slots=True)
class Shown:
    """One scene: its tallies, how many events a second were stored, and page 1 and the last one called in turn."""

    scene: Scene
    tallies: Mapping[Kind, Tally]
    stored_per_second: float = 0.0
    in_turn: Mapping[Kind, Sequence[float]] = field(default_factory=dict)  # seconds


def measure(scale: Scale, *, tell: Tell) -> list[Shown]:
    """Take all measures in an environment of their own."""
    tell("Starting PostgreSQL, Valkey and SQS")
    with Environment.running() as environment:
        tokens = environment.populate(scale.population.users)
        tell(f"Storing {scale.population.rows:,} notifications")
        fill(environment.stack.database_url, scale.population)
        with environment.web() as web, environment.procfile_process("intake"):
            tell("Leafing through, to warm up")
            port = int(environment.variables["PORT"])
            readers = leaf_through(tokens[:-1], Client(LOOPBACK, port, connections=8))
            book = Book(readers, hoarder=tokens[-1])
            stage = _Stage(environment, web, book, port, scale)
            return [stage.show(scene, tell) for scene in _scenes(scale)]


def _scenes(scale: Scale) -> Iterator[Scene]:
    for writes in (0.0, scale.writes):
        for connections in (1, 8):
            yield Scene(connections, writes)


@dataclass(frozen=True, slots=True)
class _Stage:
    environment: Environment
    web: Process
    book: Book
    port: int
    scale: Scale

    def show(self, scene: Scene, tell: Tell) -> Shown:
        """Take the measures of one scene."""
        with _writing(self.environment, scene, self.scale.population) as stored:
            shown = Shown(scene, {kind: Tally() for kind in Kind})
            before, started = stored(), time.monotonic()
            for number in range(1, self.scale.blocks + 1):
                tell(f"{scene.name}: round {number} of {self.scale.blocks}")
                for kind, tally in shown.tallies.items():
                    self._block(kind, tally, scene)
            shown.in_turn = self._in_turn(scene)
            shown.stored_per_second = (stored() - before) / (time.monotonic() - started)
        return shown

    def _block(self, kind: Kind, tally: Tally, scene: Scene) -> None:
        count = _EACH_OF_HOARDER if kind is Kind.HOARDER_COUNT else self.scale.block
        calls = [self.book.call(kind) for _ in range(count)]
        before, own = self._cpu(), time.thread_time()
        tally.seconds += [answer.seconds for answer in self._client(scene).answers(calls)]
        tally.client += time.thread_time() - own
        after = self._cpu()
        tally.web += after["web"].cpu_seconds - before["web"].cpu_seconds
        tally.database += after["database"].cpu_seconds - before["database"].cpu_seconds

    def _in_turn(self, scene: Scene) -> Mapping[Kind, Sequence[float]]:
        """Call page 1 and the last one in turn, so that both meet the same moods of the machine."""
        pair = (Kind.FIRST_PAGE, Kind.LAST_PAGE)
        seconds: dict[Kind, list[float]] = {kind: [] for kind in pair}
        calls = [self.book.call(kind) for _ in range(self.scale.blocks * self.scale.block // 2) for kind in pair]
        for answer in self._client(scene).answers(calls):
            seconds[answer.subject].append(answer.seconds)
        return seconds

    def _client(self, scene: Scene) -> Client:
        return Client(LOOPBACK, self.port, connections=scene.connections)

    def _cpu(self) -> Mapping[str, cpu.Reading]:
        return cpu.read({"web": self.web.pid, "database": self.environment.servers.postgres.pid})


@contextlib.contextmanager
def _writing(environment: Environment, scene: Scene, population: Population) -> Iterator[Callable[[], int]]:
    """Publish events to the readers through the real pipeline; yields a count of what the ledger holds."""
    with contextlib.ExitStack() as running:
        connection = running.enter_context(psycopg.connect(environment.stack.database_url, autocommit=True))
        if scene.writes:
            traffic = Traffic(f"writes-{scene.connections}", int(scene.writes * _LONGEST), population.readers)
            order = Order(traffic, Way.IN_TENS, rate=scene.writes, start_at=time.monotonic() + _BOOT_SECONDS)
            command = [sys.executable, "-m", "benchmarks.publisher", order.as_json()]
            running.enter_context(environment.process("publisher", command))
            first = traffic.event(0)
            if not wait_until(lambda: _count(connection, _OF_EVENT, first.source, first.id) > 0, seconds=_PATIENCE):
                raise RuntimeError("no event is stored; the logs of publisher and intake say why")
        yield lambda: _count(connection)


def _count(connection: "psycopg.Connection[Any]", query: LiteralString = _STORED, *values: str) -> int:
    [(stored,)] = connection.execute(query, values).fetchall()
    return int(stored)

"""One drill from beginning to end."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.percentiles import Percentiles
from drills.account import Account, Evidence, settle
from drills.books import Books
from drills.faults import WANTED_P95_MS, Aftermath, Drill
from drills.script import Check, Script
from drills.stage import Stage

_DRAIN_PATIENCE: Final = 600.0  # seconds; the sweeper repeats lost calls after a minute, and a machine may be busy
_LEAST_LOAD: Final = 0.5  # of what is due; the publisher may be held up by a call that takes long


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    users: int = 201  # not divisible by the number of types: everybody gets each
    rate: float = 50.0  # events a second
    seconds: float | None = None  # of the fault; None: as the drill has it
    calm: float = 5.0  # seconds before the fault, and after it


@dataclass(frozen=True, slots=True)
class Phase:
    """Events that were due in a stretch of the drill: until they were in the inbox, and until on the open bell."""

    name: str
    events: int
    inbox_ms: Percentiles
    bell_ms: Percentiles


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a drill."""

    name: str
    title: str
    rate: float
    wanted_p95_ms: float | None  # in-app, during the fault; a busy machine may miss it, which fails no drill
    fault_seconds: float
    lines: Sequence[str]
    checks: Sequence[Check]
    account: Account
    phases: Sequence[Phase]
    is_drained: bool
    recovery_seconds: float  # from the end of the fault until the last event due before it was on its bell
    drain_seconds: float  # from the end of the fault until nothing was under way
    unpublished: int  # events that the publisher could not hand over by either way, and has kept
    failed_calls: int  # of the publisher, repeated later
    reconnects: int  # of bells
    resyncs: int
    restarts: Mapping[str, int]
    collapses: Mapping[str, int]  # processes that ended by themselves

    @property
    def worst_p95_ms(self) -> float:
        """Of events due during the fault until they were on the bell; where it has several stretches, the worst."""
        return max((phase.bell_ms.p95 for phase in self.phases[1:-1]), default=math.nan)

    @property
    def is_clean(self) -> bool:
        """Whether the drill was passed."""
        return (
            self.account.is_clean
            and self.is_drained
            and not self.unpublished
            and not self.collapses
            and all(check.holds for check in self.checks)
        )


@dataclass(frozen=True, slots=True)
class _Course:
    """How it went; moments are monotonic."""

    began: float  # the fault
    ended: float
    drained: float
    is_drained: bool
    unpublished: int
    aftermath: Aftermath


def run(name: str, drill: Drill, scale: Scale, *, logs: Path, new_script: Callable[[], Script]) -> Result:
    """Run it on a stack of its own. The processes' output goes to `logs`."""
    with Stage.running(users=scale.users, rate=scale.rate, logs=logs, tell=new_script().tell) as stage:
        script = new_script()
        course = _play(drill, scale, stage, script)
        script.tell("reading the books")
        return _result(name, drill, scale, stage, script, course)


def _play(drill: Drill, scale: Scale, stage: Stage, script: Script) -> _Course:
    """Publish throughout: calm, the fault, calm again; then wait until nothing is under way."""
    script.begin("before")
    stage.publisher.start()
    started = time.monotonic()
    script.say(f"{scale.rate:g} events/s to {scale.users} people with an open bell each")
    script.let_pass(scale.calm, "before")
    began = time.monotonic()
    aftermath = drill.rehearse(stage, script, scale.seconds or drill.seconds)
    ended = time.monotonic()
    script.begin("after")
    script.let_pass(scale.calm, "after")
    script.tell("the publisher ends")
    _check_load(stage, script, wanted=scale.rate * (time.monotonic() - started))
    unpublished = stage.publisher.stop()
    stage.database.end_calls()
    is_drained = stage.drain(patience=_DRAIN_PATIENCE, tell=script.tell)
    script.say("nothing is under way" if is_drained else f"still under way: {stage.backlog()}")
    drained = time.monotonic()
    aftermath.look_back()
    return _Course(began, ended, drained, is_drained, unpublished, aftermath)


def _check_load(stage: Stage, script: Script, *, wanted: float) -> None:
    """Without a load nothing is proved."""
    due = len(stage.publisher.due)
    script.check(f"{due:,} events were due, {wanted:,.0f} by the clock", holds=due >= wanted * _LEAST_LOAD)


def _result(name: str, drill: Drill, scale: Scale, stage: Stage, script: Script, course: _Course) -> Result:
    books, bells, publisher = stage.books(), stage.bells, stage.publisher
    heard = {bells.event_of[id_]: at for id_, at in bells.first_heard.items()}
    clock = time.time() - time.monotonic()
    stored = {row.event_id: row.stored_at - clock for row in books.inbox}
    return Result(
        name=name,
        title=drill.title,
        rate=scale.rate,
        wanted_p95_ms=WANTED_P95_MS if drill.leaves_in_app_alone else None,
        fault_seconds=course.ended - course.began,
        lines=script.lines,
        checks=script.checks,
        account=settle(_evidence(stage, books, course)),
        phases=phases(publisher.due, stored, heard, stretches=script.stretches),
        is_drained=course.is_drained,
        recovery_seconds=recovery(publisher.due, heard, ended=course.ended),
        drain_seconds=course.drained - course.ended,
        unpublished=course.unpublished,
        failed_calls=publisher.failures,
        reconnects=bells.reconnects,
        resyncs=bells.resyncs,
        restarts=dict(stage.processes.restarts),
        collapses=dict(stage.processes.collapses),
    )


def _evidence(stage: Stage, books: Books, course: _Course) -> Evidence:
    publisher, bells = stage.publisher, stage.bells
    # Of a call that failed, SQS may have taken events all the same.
    published = publisher.published | (set(books.ledger) & set(publisher.recipients))
    return Evidence(
        published={event_id: publisher.recipients[event_id] for event_id in published},
        books=books,
        taken=stage.providers.taken(),
        heard=set(bells.first_heard),
        rung_twice=bells.rung_twice,
        is_drained=course.is_drained,
        crashed=course.aftermath.crashed,
    )


Moments = Mapping[str, float]  # monotonic, by event id


def phases(due: Moments, stored: Moments, heard: Moments, *, stretches: Sequence[tuple[str, float]]) -> list[Phase]:
    """Return how late events were that were due in each stretch; what never came is left out, and so is a stretch in
    which nothing was due."""
    ends = [*(began for _, began in stretches[1:]), math.inf]
    found = [
        _phase(name, {id_: at for id_, at in due.items() if began <= at < end}, stored, heard)
        for (name, began), end in zip(stretches, ends, strict=True)
    ]
    return [phase for phase in found if phase.events]


def _phase(name: str, due: Moments, stored: Moments, heard: Moments) -> Phase:
    return Phase(name, len(due), _lateness(due, stored), _lateness(due, heard))


def _lateness(due: Moments, came: Moments) -> Percentiles:
    return Percentiles.of([came[id_] - at for id_, at in due.items() if id_ in came])


def recovery(due: Moments, heard: Moments, *, ended: float) -> float:
    """Return how many seconds after its end the last event of the fault's time was on its bell."""
    came = [heard[id_] for id_, at in due.items() if at < ended and id_ in heard]
    return max(0.0, max(came, default=ended) - ended)

"""What we do ourselves about mails and pushes, in any order: the rules, for Hypothesis to choose from."""

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from delivery import digests, sweeper
from notifications import pipeline
from notifications.models import Path
from preferences.models import User
from tests.cloudevents import event_for, message
from tests.delivery.model_healing import heal
from tests.delivery.model_moves import Actor
from tests.delivery.model_workers import Answer, Worker
from tests.delivery.model_world import World

Rule = TypeVar("Rule", bound=Callable[..., Any])

which_of = st.integers(0, 5)  # one of those that there are, counted round and round
readers = st.integers(0, 1)
_MOMENTS: Final = (timedelta(seconds=0.3), timedelta(seconds=11), timedelta(seconds=65), timedelta(minutes=11))
_moments = st.sampled_from([*_MOMENTS, timedelta(hours=1), timedelta(days=1)])
kinds_of = st.lists(st.sampled_from(["task_assigned", "mentioned"]), min_size=1, max_size=3)
_AGES: Final = (timedelta(minutes=14), timedelta(hours=3, minutes=55), timedelta(hours=5))
_ages = st.sampled_from([timedelta(), timedelta(), timedelta(), *_AGES])
_answers = st.lists(st.tuples(which_of, st.sampled_from(Answer)), min_size=1, max_size=5)


def when(is_possible: Callable[[World], object]) -> Callable[[Rule], Rule]:
    """Have a rule apply only where it changes anything."""
    decorate: Callable[[Rule], Rule] = precondition(lambda machine: bool(is_possible(machine.world)))
    return decorate


class Machine(RuleBasedStateMachine):
    """One example, in a transaction of its own."""

    def __init__(self, make_world: Callable[[], World]) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        self.world = make_world()

    def teardown(self) -> None:
        """Heal everything, unless the example has failed, and forget it."""
        try:
            if sys.exc_info()[0] is None:
                heal(self.world)
        finally:
            for worker in self.world.workers:
                worker.kill()
            transaction.set_rollback(True)
            self._example.__exit__(None, None, None)

    # --- The pipeline ---

    @rule(kinds=kinds_of, age=_ages)
    def publish(self, kinds: list[str], age: timedelta) -> None:
        """Things happen to everybody, or are heard of late."""
        time = (self.world.clock.now - age).isoformat()
        recipients = [User(id=person.id) for person in self.world.people]
        ids = [f"{self.world.events + number}" for number in range(len(kinds))]
        events = [event_for(*recipients, id=id_, type=kind, time=time) for id_, kind in zip(ids, kinds, strict=True)]
        self.world.events += len(kinds)
        with self.world.step(Actor.PIPELINE):
            assert not pipeline.process([message(*events)], path=Path.SQS)

    # --- Workers ---

    @when(lambda world: world.calls or world.workers)
    @rule(which=which_of, is_doubled=st.booleans(), answers=_answers)
    def work(self, which: int, is_doubled: bool, answers: list[tuple[int, Answer]]) -> None:
        """A worker takes a task, which SQS may bring to another one, too, or goes on; and providers give answers."""
        chosen = one_of([*self.world.calls, *self.world.workers], which)
        if isinstance(chosen, Worker):
            self._answer(chosen, answers)
            return
        if not is_doubled:
            self.world.calls.remove(chosen)
        self._answer(self.world.start(chosen), answers)

    # Hypothesis leaves some rules out of each example, by their names. Without this one there is little to see.
    @when(lambda world: world.calls)
    @rule(answers=_answers)
    def work_on(self, answers: list[tuple[int, Answer]]) -> None:
        """A worker takes the next task."""
        self._answer(self.world.start(self.world.calls.pop(0)), answers)

    def _answer(self, worker: Worker, answers: list[tuple[int, Answer]]) -> None:
        for which, answer in answers:
            if worker.is_busy:
                self.world.answer(worker, one_of(worker.under_way, which), answer)

    @when(lambda world: world.workers)
    @rule(which=which_of, taken=st.tuples(st.booleans(), st.booleans()))
    def kill(self, which: int, taken: tuple[bool, bool]) -> None:
        """A worker dies; its provider may have taken what is under way."""
        self.world.kill(one_of(self.world.workers, which), taken=taken)

    # --- Beat ---

    @rule(moment=_moments, sweeps=st.booleans(), collects=st.booleans())
    def wait(self, moment: timedelta, sweeps: bool, collects: bool) -> None:
        """Time passes, and beat does its work, or does not."""
        self.world.let_pass(moment)
        if collects:
            with self.world.step(Actor.DIGESTS):
                digests.collect()
        if sweeps:
            with self.world.step(Actor.SWEEPER):
                sweeper.sweep()


def one_of(things: Sequence[Any], which: int) -> Any:
    """Return one of them, counted round and round."""
    return things[which % len(things)]

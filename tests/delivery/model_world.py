"""Everything around the deliveries that the machine turns: people, the queue of calls, workers, providers, the clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.test import TestCase
from waffle.models import Switch

from delivery import dispatch, feedback
from delivery.answers import LEASE
from delivery.models import Delivery, SesMessage, State
from delivery.sns import Message, MessageType
from delivery.transports.contract import Outgoing
from notifications.models import Notification
from preferences import rollout
from preferences.catalog import Channel
from preferences.models import Flag
from tests.delivery.model_checks import check_rows
from tests.delivery.model_clock import Clock
from tests.delivery.model_moves import Actor, Move, new_moves
from tests.delivery.model_people import Someone, create
from tests.delivery.model_providers import Providers
from tests.delivery.model_workers import HAS_IT, Answer, Worker


@dataclass(frozen=True)
class Call:
    """A task in the queue."""

    channel: Channel
    ids: Sequence[int]


@dataclass(frozen=True)
class Report:
    """A message of SES that has been sent once."""

    message: Message
    stops: str  # the address that gets no more mail by it, or ""


@dataclass
class World:
    """One example's."""

    clock: Clock
    people: list[Someone] = field(default_factory=create)
    providers: Providers = field(default_factory=Providers)
    calls: list[Call] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    events: int = 0
    is_sqs_away: bool = False
    is_in_rollout: bool = True

    def __post_init__(self) -> None:
        """Everybody is in the rollout, and the switch is off."""
        Flag.objects.create(name=rollout.FLAG, everyone=True)
        Switch.objects.create(name=rollout.KILL_SWITCH, active=False)

    @contextmanager
    def step(self, actor: Actor, worker: Worker | None = None) -> Iterator[None]:
        """Take a step, at a time of its own, and check what it did."""
        self.clock.tick()
        dispatch._respite.end()  # it goes by the real clock
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield
        for move in new_moves():
            move.check(actor)
            if worker:
                _check_attempts(move, worker)
        check_rows()

    def send_task(self, _: str, arguments: tuple[str, list[int]], **__: object) -> None:
        """Take a call for a worker, in place of Celery."""
        if self.is_sqs_away:
            raise OSError
        channel, ids = arguments
        self.calls.append(Call(Channel(channel), ids))

    # --- Workers ---

    def start(self, call: Call) -> Worker:
        """Have a worker take the call."""
        worker = Worker(call.channel, call.ids)
        with self.step(Actor.WORKER, worker):
            worker.allowed = self._allowed(call.ids)
            worker.lease_ends = self.clock.now + LEASE
            worker.start()
        self._see(worker)
        return worker

    def answer(self, worker: Worker, outgoing: Outgoing, answer: Answer) -> None:
        """Have the provider answer."""
        message_id = self.providers.next_id()
        if answer in HAS_IT:
            self.providers.take(outgoing)
        if answer is Answer.UNHEARD:
            self.providers.excuse(outgoing)
        with self.step(Actor.WORKER, worker):
            worker.hear(outgoing, answer, message_id)
        if answer is Answer.GONE and outgoing.device:
            person = self.person(outgoing.delivery)
            if person.tokens.get(outgoing.device.device_id) == outgoing.device.token:
                del person.tokens[outgoing.device.device_id]
        self._see(worker)

    def kill(self, worker: Worker, *, taken: Sequence[bool]) -> None:
        """Kill it; of what is under way, the provider had taken some."""
        for outgoing, is_taken in zip(worker.under_way, taken, strict=False):
            if is_taken:
                self.providers.take(outgoing)
                self.providers.excuse(outgoing)
        self.providers.excuse_unrecorded(worker)
        with self.step(Actor.WORKER, worker):
            worker.kill()
        self.workers.remove(worker)

    def _see(self, worker: Worker) -> None:
        """Check what it asks its provider for, and whether it is done."""
        self.workers = [other for other in self.workers if other is not worker]
        if worker.is_busy:
            self.workers.append(worker)
        for outgoing in worker.under_way:
            ids = {item.id for item in outgoing.items} or {outgoing.delivery.id}
            assert ids <= worker.allowed, f"must not go out: {ids - worker.allowed}"

    def _allowed(self, ids: Sequence[int]) -> set[int]:
        """Return what of these may be sent now; of a digest, which of its items."""
        waiting = Delivery.objects.filter(id__in=ids, state=State.PENDING)
        items = Delivery.objects.filter(digest__in=waiting, state=State.HELD)
        if not self.is_in_rollout:
            return set()
        alone = {each.id for each in waiting if not each.is_digest and self._may_go(each)}
        return alone | {each.id for each in items if self._may_go_in_digest(each)}

    def _may_go(self, delivery: Delivery) -> bool:
        return self.person(delivery).may_get(delivery, self.clock.now) and not self.was_read(delivery)

    def _may_go_in_digest(self, item: Delivery) -> bool:
        return self.person(item).may_get_in_digest(item) and not self.was_read(item)

    def was_read(self, delivery: Delivery) -> bool:
        """Whether it was read in the bell."""
        return Notification.objects.filter(id=delivery.notification_id).exclude(read_at=None).exists()

    def person(self, delivery: Delivery) -> Someone:
        """Return whose it is."""
        return next(person for person in self.people if person.id == delivery.user_id)

    # --- Time, switches, SES ---

    def let_pass(self, duration: timedelta) -> None:
        """Let time pass. A worker that holds its rows for longer than its lease may be taken for dead."""
        self.clock.pass_(duration)
        for worker in self.workers:
            if self.clock.now > worker.lease_ends and not worker.is_overdue:
                worker.is_overdue = True
                for outgoing in worker.under_way:
                    self.providers.excuse(outgoing)
                self.providers.excuse_unrecorded(worker)

    def turn_switch(self, *, on: bool) -> None:
        """Turn the kill switch, as an operator does."""
        switch = Switch.objects.get(name=rollout.KILL_SWITCH)
        switch.active = on
        switch.save()

    def turn_flag(self, *, on: bool) -> None:
        """Take everybody into the rollout, or out of it."""
        Flag.objects.filter(name=rollout.FLAG).update(everyone=on)
        self.is_in_rollout = on

    def report(self, text: str, *, stops: str) -> None:
        """Have SES report something, by which it `stops` all mail to an address, or not."""
        message_id = UUID(int=len(self.reports) + 1)
        message = Message(message_id, MessageType.NOTIFICATION, "topic", text, self.clock.now)
        self.reports.append(Report(message, stops))
        self.repeat(self.reports[-1])

    def repeat(self, report: Report) -> None:
        """Have SNS send it, once more."""
        with self.step(Actor.FEEDBACK):
            is_new = not SesMessage.objects.filter(id=report.message.id).exists()
            try:
                feedback.apply(report.message)
            except feedback.TooEarly:
                return
        for person in self.people:
            person.is_suppressed |= is_new and person.email == report.stops


def _check_attempts(move: Move, worker: Worker) -> None:
    """A failure of its own counts; an outage, a throttle, and whatever was not begun with do not."""
    if (move.before, move.after) == (State.SENDING, State.PENDING):
        answers = {answer for outgoing, answer in worker.answers if outgoing.delivery.id == move.delivery_id}
        given_back = 0 if Answer.FAILED in answers else 1
        assert move.attempts_after == move.attempts_before - given_back, f"{move}: {answers}"

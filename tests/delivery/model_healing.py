"""The end of every example: all is well again, time passes, and nothing may wait for ever."""

from datetime import timedelta
from typing import Final

from delivery import digests, sweeper
from delivery.models import Delivery, State
from notifications.auditing import audit
from notifications.auditing.window import open_window
from tests.delivery.model_moves import IN_FLIGHT, Actor
from tests.delivery.model_workers import Answer
from tests.delivery.model_world import World

_MINUTE: Final = timedelta(minutes=1)
#: The longest lease, throttle or backoff, and a turn of each that waits.
_MINUTES: Final = 40
#: Digests that what is held may wait for: another may have been made for the same instant.
_DIGESTS: Final = 3


def heal(world: World) -> None:
    """Mend everything, and see all that waits come to its end, and be accounted for."""
    world.is_sqs_away = False
    world.turn_switch(on=False)
    _drain(world)
    for _ in range(_DIGESTS):
        _reach_digests(world)
        _drain(world)
    waiting = [str(delivery) for delivery in Delivery.objects.filter(state__in=IN_FLIGHT)]
    assert not waiting, f"waits for ever: {waiting}"
    _audit()


def _drain(world: World) -> None:
    """Have everything done that is due within the hour."""
    for _ in range(_MINUTES):
        _finish(world)
        in_work = Delivery.objects.filter(state__in=[State.PENDING, State.SENDING])
        if not in_work.exists():
            return
        world.let_pass(_MINUTE)
        _beat(world)


def _beat(world: World) -> None:
    with world.step(Actor.DIGESTS):
        digests.collect()
    with world.step(Actor.SWEEPER):
        sweeper.sweep()


def _finish(world: World) -> None:
    """Have workers take all calls, and providers everything."""
    while world.workers or world.calls:
        if not world.workers:
            world.start(world.calls.pop(0))
        for worker in list(world.workers):
            world.answer(worker, worker.under_way[0], Answer.TAKEN)


def _reach_digests(world: World) -> None:
    """Let the time of the last digest come that anything is held for."""
    held = Delivery.objects.filter(state=State.HELD, digest=None).order_by("-due_at").first()
    if held is not None:
        world.let_pass(max(held.due_at - world.clock.now, timedelta()) + _MINUTE)
    _beat(world)


def _audit() -> None:
    """Find that every event is accounted for."""
    found = [
        str(finding)
        for stage in audit.stages(open_window(), repair=False)
        for step in stage.steps
        for finding in step.account.found
    ]
    assert not found, found

"""An intake at work on a queue, and what tests do beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from waffle.models import Switch

from devstack.waiting import wait_until
from notifications.intake.intake import Intake
from notifications.intake.queues import Queue
from notifications.models import Notification
from preferences import rollout


@contextmanager
def running(queue: Queue, **options: Any) -> Iterator[Intake]:
    """An intake that is stopped at the end, and ends well."""
    intake = Intake(queue, **options)
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()
        assert intake.join()


def soon(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    return wait_until(condition, seconds=seconds)


def stored(count: int) -> Callable[[], bool]:
    """Whether there are so many notifications, whoever they belong to."""
    return lambda: Notification.objects.count() == count


def turn(*, kill_switch: bool) -> None:
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": kill_switch})

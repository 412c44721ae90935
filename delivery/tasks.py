"""What Celery runs. A task takes ids, reads the rows anew, and may run twice."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from delivery import attempts, digests, shutdown, sweeper
from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel
from preferences.outages import connection_given_up
from telemetry import garbage


@worker_ready.connect
def begin(**_: Any) -> None:
    """Let the garbage collector pass over what stays."""
    garbage.spare_what_is_loaded()


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Begin nothing new: Celery waits for the tasks in hand, and a chunk may take minutes."""
    shutdown.begin()


@shared_task(name="delivery.attempt")
@connection_given_up()
def attempt(channel: str, ids: list[int]) -> None:
    """Send a chunk of deliveries."""
    attempts.attempt(Channel(channel), ids, OUTBOUND[Channel(channel)].transport)


@shared_task(name="delivery.sweep")
@connection_given_up()
def sweep() -> None:
    """Call workers for what is due."""
    sweeper.sweep()


@shared_task(name="delivery.collect_digests")
@connection_given_up()
def collect_digests() -> None:
    """Make the digest mails that are due."""
    digests.collect()

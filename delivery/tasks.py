"""What Celery runs. A task takes ids, reads the rows anew, and may run twice."""

from celery import shared_task

from delivery import attempts, digests, sweeper
from delivery.transports.registry import TRANSPORTS
from preferences.catalog import Channel


@shared_task(name="delivery.attempt")
def attempt(channel: str, ids: list[int]) -> None:
    """Send a chunk of deliveries."""
    attempts.attempt(Channel(channel), ids, TRANSPORTS[Channel(channel)])


@shared_task(name="delivery.sweep")
def sweep() -> None:
    """Call workers for what is due."""
    sweeper.sweep()


@shared_task(name="delivery.collect_digests")
def collect_digests() -> None:
    """Make the digest mails that are due."""
    digests.collect()

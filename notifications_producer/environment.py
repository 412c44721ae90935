"""The producer that the environment describes: `publish` for whoever makes none of their own (docs/producers.md)."""

import os
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from notifications_producer.client import Producer
from notifications_producer.events import Event
from notifications_producer.failures import NotConfigured
from notifications_producer.fallback import HttpFallback

_making = threading.Lock()


def publish(event: Event) -> None:
    """Publish one event to the queue that the environment names; raises what Producer does, and NotConfigured."""
    _default_producer().publish(event)


def publish_many(events: Iterable[Event]) -> int:
    """Publish many events to the queue that the environment names; raises what Producer does, and NotConfigured."""
    return _default_producer().publish_many(events)


def _default_producer() -> Producer:
    with _making:  # boto3 makes its clients for one thread at a time
        return _producer_of_environment(os.getpid())


@cache
def _producer_of_environment(_process: int) -> Producer:
    """Return this process's producer: a forked one would share its parent's connections, and mix up their answers."""
    queue_url = os.environ.get("EVENTS_QUEUE_URL")
    if not queue_url:
        raise NotConfigured("EVENTS_QUEUE_URL is not set: publish() cannot know the queue")
    return Producer(
        queue_url=queue_url, endpoint_url=os.environ.get("SQS_ENDPOINT_URL"), fallback=fallback_of_environment()
    )


def fallback_of_environment() -> HttpFallback | None:
    """Return the fallback that EVENTS_FALLBACK_URL names, with the token in EVENTS_FALLBACK_TOKEN, or in the file
    EVENTS_FALLBACK_TOKEN_FILE, which is read anew for each request; None when there is none.

    Raises NotConfigured for an address that is none, or that has no token.
    """
    url = os.environ.get("EVENTS_FALLBACK_URL")
    if not url:
        return None
    file, token = os.environ.get("EVENTS_FALLBACK_TOKEN_FILE"), os.environ.get("EVENTS_FALLBACK_TOKEN", "").strip()
    if not file and not token:
        raise NotConfigured("EVENTS_FALLBACK_URL is set without EVENTS_FALLBACK_TOKEN or EVENTS_FALLBACK_TOKEN_FILE")
    try:
        return HttpFallback(url, token=(lambda: Path(file).read_text().strip()) if file else token)
    except ValueError as error:
        raise NotConfigured(f"EVENTS_FALLBACK_URL: {error}") from error

"""Events as the client publishes them, and what arrived of them."""

import json
from collections.abc import Iterable
from typing import Any

from notifications.event_queue import EventQueue
from notifications_producer import Event


def event(number: object = 0, *, length: int = 0) -> Event:
    """Return an event with this id, whose excerpt has so many characters."""
    return Event(
        type="mentioned", source="/services/docs", recipients=["u"], id=str(number), params={"excerpt": "x" * length}
    )


def several(count: int) -> list[Event]:
    """Return as many events, whose ids are the numbers from 0."""
    return [event(number) for number in range(count)]


def bodies(queue: EventQueue) -> list[Any]:
    """Empty the queue; return the JSON of its messages, in no certain order."""
    found: list[Any] = []
    while received := queue.receive():
        queue.delete([message.receipt for message in received])
        found += [json.loads(message.body) for message in received]
    return found


def ids(found: Iterable[Any]) -> list[str]:
    """Return the ids of the events in these bodies, sorted."""
    return sorted(event["id"] for body in found for event in (body if isinstance(body, list) else [body]))

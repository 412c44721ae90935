"""Which event a delivery tells of, for the log.

Deliveries know their notification and no event: what events are is known above delivery. The function that looks is
handed down at start-up (`notifications/apps.py`), like the one of delivery/badges.py.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """A producer's event."""

    event_id: str
    source: str


Look = Callable[[str], Origin | None]


def _nobody_looks(_: str) -> Origin | None:
    return None


_look: Look = _nobody_looks


def install(look: Look) -> None:
    """Look by this function from now on; it takes a notification's id."""
    global _look
    _look = look


def of(notification_id: str) -> Origin | None:
    """Return the event; None for a digest, and for somebody without it in the inbox. Raises DatabaseError."""
    return _look(notification_id)

"""One event that came by the queue, under the id by which tests ask for it."""

from typing import Any

from notifications import pipeline
from notifications.models import Path
from preferences.models import User
from tests.cloudevents import event_for, message

EVENT = "8f1c2d"


def publish(*recipients: User, **changes: Any) -> None:
    """Have an event for these people taken in, or rejected."""
    pipeline.process([message(event_for(*recipients, **{"id": EVENT, **changes}))], path=Path.SQS)

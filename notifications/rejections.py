"""Rejected events: replay them after a fix, of the event's producer or of ours."""

from django.utils import timezone

from notifications import pipeline
from notifications.models import Path, RejectedEvent
from notifications.pipeline import Message


def replay(rejected: RejectedEvent) -> bool:
    """Process the body once more; whether it was accepted. When it was not, its row says why it is now.

    Safe to repeat: an event that came in by another way meanwhile is not doubled. Raises a
    DatabaseError when PostgreSQL is away.
    """
    message = Message(bytes(rejected.body), sent_at=rejected.rejected_at)
    refused = pipeline.process([message], path=Path.REPLAY)
    if refused:
        rejected.reason, rejected.detail = refused[0].reason, refused[0].detail
    else:
        rejected.replayed_at = timezone.now()
    rejected.save(update_fields=["reason", "detail", "replayed_at"])
    return not refused

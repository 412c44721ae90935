"""Rejected events: replay them after a fix, of the event's producer or of ours."""

from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils import timezone

from notifications import pipeline
from notifications.models import Path, RejectedEvent
from notifications.pipeline import Message
from preferences import rollout


class Held(Exception):
    """The kill switch is on: nothing is replayed before its release."""

    def __init__(self) -> None:
        super().__init__("The kill switch is on. Replay it after the release.")


def replay(rejected: RejectedEvent) -> bool:
    """Process the body once more; whether it was accepted. When it was not, its row says why it is now.

    Safe to repeat: an event that came in by another way meanwhile is not doubled. Raises Held, and a
    DatabaseError when PostgreSQL is away.
    """
    if rollout.current().is_killed:
        raise Held
    message = Message(bytes(rejected.body), sent_at=rejected.rejected_at)
    refused = pipeline.process([message], path=Path.REPLAY)
    row = RejectedEvent.objects.filter(id=rejected.id)  # unless it was pruned meanwhile
    if refused:
        why = refused[0]
        row.update(reason=why.reason, detail=why.detail, source=why.source, event_id=why.event_id)
    else:
        row.update(replayed_at=timezone.now())
    return not refused


def replay_all(chosen: QuerySet[RejectedEvent], *, batch: int = 100) -> Iterator[bool]:
    """Replay them one by one, oldest first, and yield of each whether it was accepted; `batch` is read at a time.

    It may be stopped after any of them. What is rejected during the run under another body is left to the next one.
    """
    newest = RejectedEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    last_id = 0
    while some := list(chosen.filter(id__gt=last_id, id__lte=newest).order_by("id")[:batch]):
        for rejected in some:
            yield replay(rejected)
        last_id = some[-1].id

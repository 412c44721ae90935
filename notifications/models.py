"""What happened (ledger, decisions, rejected events) and the inbox."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from preferences.decisions import Reason


def reason_choices() -> list[tuple[str, str]]:
    """Return every reason with its words; a function, so that a new reason needs no migration."""
    return [(reason.value, reason.value.replace("_", " ")) for reason in Reason]


class Path(models.TextChoices):
    """By which way an event came in."""

    SQS = "sqs", "queue"
    HTTP = "http", "POST /api/v1/events"  # the producers' fallback
    REPLAY = "replay", "replay of a rejected event"


class Rejection(models.TextChoices):
    """Why an event was not accepted."""

    NOT_JSON = "not_json", "the body is not JSON"
    WRONG_SHAPE = "wrong_shape", "not a CloudEvents 1.0 event with our data"
    UNKNOWN_TYPE = "unknown_type", "the catalogue has no such type"
    TOO_MANY_RECIPIENTS = "too_many_recipients", "more than 10,000 recipients"
    TOO_LARGE = "too_large", "more than 1 MiB"
    BAD_URL = "bad_url", "resource.url leads neither to us nor to an allowed host"
    ID_COLLISION = "id_collision", "another notification holds the id of one of this event's"
    INTERNAL_ERROR = "internal_error", "the event made the pipeline fail"


class ReceivedEvent(models.Model):
    """The ledger: every accepted event, once (spec §1)."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=255)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=50)
    occurred_at = models.DateTimeField(help_text="The event's own time, from which latency is measured.")
    received_at = models.DateTimeField(db_default=Now())
    path = models.CharField(max_length=10, choices=Path.choices)
    payload = models.JSONField(help_text="The event as it came, cleaned of what PostgreSQL cannot store.")

    class Meta:
        db_table = "received_events"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "event_id"], name="unique_received_event"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} from {self.source}"


class Decision(models.Model):
    """What one event meant for one recipient: an outcome per channel, as its reason code (spec §1)."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(ReceivedEvent, on_delete=models.CASCADE, related_name="decisions", db_index=False)
    user_id = models.UUIDField(null=True, help_text="No foreign key: the id may belong to nobody.")
    recipient = models.CharField(max_length=64, default="", help_text="The id as it came, when it is not one.")
    in_app = models.CharField(max_length=24, choices=reason_choices)
    email = models.CharField(max_length=24, choices=reason_choices)
    push = models.CharField(max_length=24, choices=reason_choices)
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "decisions"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "user_id"], name="unique_decision"),
        ]
        indexes: ClassVar = [models.Index(fields=["user_id", "-decided_at"], name="idx_decisions_user")]

    def __str__(self) -> str:
        return f"event {self.event_id} for {self.user_id or self.recipient}"


class RejectedEvent(models.Model):
    """An event that was not accepted, with its body as it came, to be replayed after a fix."""

    id = models.BigAutoField(primary_key=True)
    reason = models.CharField(max_length=24, choices=Rejection.choices)
    detail = models.TextField(help_text="What is wrong and where, in words.")
    body = models.BinaryField()
    body_digest = models.BinaryField(unique=True, help_text="SHA-256 of the body: the same body is kept once.")
    path = models.CharField(max_length=10, choices=Path.choices)
    rejected_at = models.DateTimeField(db_default=Now())
    replayed_at = models.DateTimeField(null=True, help_text="When a replay was accepted.")

    class Meta:
        db_table = "rejected_events"
        indexes: ClassVar = [models.Index(fields=["-rejected_at"], name="idx_rejected_events_time")]

    def __str__(self) -> str:
        return f"{self.reason} at {self.rejected_at:%Y-%m-%d %H:%M}"


class Notification(models.Model):
    """One person's row in the inbox: the seed's table, with additive columns (spec §4)."""

    id = models.CharField(primary_key=True, max_length=20, db_collation="C")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    type = models.CharField(max_length=50)
    title = models.CharField(max_length=255)
    body = models.TextField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    resource_type = models.CharField(max_length=50, null=True)  # noqa: DJ001 - the seed's column
    resource_id = models.CharField(max_length=50, null=True)  # noqa: DJ001 - the seed's column
    resource_url = models.TextField(null=True)  # noqa: DJ001 - as the two above
    resource_title = models.CharField(max_length=255, null=True)  # noqa: DJ001 - as the two above
    event = models.ForeignKey(
        ReceivedEvent,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,  # the ledger is pruned long before the inbox
        db_index=False,  # from event to notifications the way is by id, which is computed
        related_name="+",
    )
    read_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), help_text="When it was stored; orders the list.")

    class Meta:
        db_table = "notifications"
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at", "-id"], name="idx_notifications_user_created"),
            models.Index(
                fields=["user", "-created_at", "-id"],
                name="idx_notifications_user_unread",
                condition=Q(read_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.id

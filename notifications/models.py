"""What happened (ledger, decisions, rejected and waiting events), the inbox, and what support has run over both."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User


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
    FORBIDDEN_SOURCE = "forbidden_source", "the service may not publish under this source"
    ID_COLLISION = "id_collision", "another notification holds the id of one of this event's"
    INTERNAL_ERROR = "internal_error", "the event made the pipeline fail"


class WaitingEvent(models.Model):
    """An event that came by POST /api/v1/events and waits for the intake; gone once it is in the ledger (spec §1)."""

    id = models.BigAutoField(primary_key=True)
    body = models.TextField(help_text="One CloudEvent as JSON, checked, and cleaned of what PostgreSQL cannot store.")
    accepted_at = models.DateTimeField(db_default=Now(), help_text="In the role of the SQS SentTimestamp.")
    taken_until = models.DateTimeField(null=True, help_text="Until then an intake has it in hand.")
    receives = models.PositiveSmallIntegerField(db_default=0, help_text="By intakes that did not put it back.")

    class Meta:
        db_table = "waiting_events"

    def __str__(self) -> str:
        return f"waiting event {self.id}"


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
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "event_id"], name="unique_received_event")]

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

    def reason(self, channel: Channel) -> Reason:
        """Return what was decided for the channel."""
        return Reason(getattr(self, channel.value))


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
    source = models.CharField(max_length=255, default="", db_default="", help_text="As far as it could be read.")
    event_id = models.CharField(max_length=255, default="", db_default="", help_text="As far as it could be read.")

    class Meta:
        db_table = "rejected_events"
        indexes: ClassVar = [
            models.Index(fields=["-rejected_at"], name="idx_rejected_events_time"),
            models.Index(fields=["event_id"], name="idx_rejected_events_event", condition=~Q(event_id="")),
        ]

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
    displayed_at = models.DateTimeField(null=True, help_text="When a bell first showed it.")
    backfill = models.ForeignKey(
        "Backfill",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,  # as that of the event: added to a large table without a look at its rows
        db_index=False,
        related_name="notifications",
    )
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
            models.Index(fields=["backfill"], name="idx_notifications_backfill", condition=Q(backfill__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id


class Backfill(models.Model):
    """One run of a backfill over one file: how far it came, so that it can be resumed, and its way back (spec §8)."""

    class Kind(models.TextChoices):
        """What was filled in."""

        NOTIFICATIONS = "notifications", "notifications"
        PUSH_TOKENS = "push_tokens", "push tokens"
        PREFERENCES = "preferences", "preferences"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    file_name = models.CharField(max_length=255)
    file_digest = models.BinaryField(help_text="SHA-256 of the file: the same file is the same run.")
    position = models.BigIntegerField(default=0, db_default=0, help_text="Bytes of the file that are done.")
    lines = models.BigIntegerField(default=0, db_default=0, help_text="Lines of the file that are done.")
    counts = models.JSONField(default=dict, help_text="What became of the lines, by word: {stored: 12, …}.")
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "backfills"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "file_digest"], name="unique_backfill", condition=Q(undone_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.file_name}"


class Forecast(models.Model):
    """What would happen to all users if a type's default were another one: counted in the background (spec §5)."""

    id = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=50)
    defaults = models.JSONField(help_text="The defaults to try, by channel: {email: true}; empty: as they are.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    after = models.UUIDField(null=True, help_text="The last user who was counted, in the order of ids.")
    users = models.BigIntegerField(default=0, db_default=0, help_text="How many were counted.")
    total = models.BigIntegerField(default=0, db_default=0, help_text="How many there were at the start, about.")
    now = models.JSONField(default=dict, help_text="Users by channel and reason as it is: {email: {digest_daily: 3}}.")
    then = models.JSONField(default=dict, help_text="The same under the defaults to try.")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "forecasts"

    def __str__(self) -> str:
        return f"{self.type} for everybody"


class Account(User):
    """A person as support sees one: everything that was sent, and nothing to change."""

    class Meta:
        proxy = True
        verbose_name = "person"
        verbose_name_plural = "people"
        permissions: ClassVar = [
            ("open_body", "Can open the body of what was sent to people (logged)"),
            ("view_system", "Can see how the system runs and what its templates look like"),
        ]

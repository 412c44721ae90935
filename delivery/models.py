"""What is to be sent by mail or push, and what became of it."""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

#: The type of a delivery that gathers others.
DIGEST: Final = "digest"


class State(models.TextChoices):
    """Where a delivery stands. Every row ends in one of the last five."""

    HELD = "held", "waits for its digest"
    PENDING = "pending", "waits to be sent"
    SENDING = "sending", "a worker has it, until the lease runs out"
    SENT = "sent", "the provider took it"
    DELIVERED = "delivered", "the provider says that it arrived"
    BOUNCED = "bounced", "the provider says that it did not arrive"
    FAILED = "failed", "the provider refused it, or all attempts are used up"
    SUPPRESSED = "suppressed", "not sent, for a reason of ours"


class Delivery(models.Model):
    """One recipient on one outbound channel (spec §6). It holds its own content, so it can be sent and shown alone.

    A digest mail is a delivery too, of type `digest`; the deliveries that it gathers point to it.
    """

    id = models.BigAutoField(primary_key=True)
    notification_id = models.CharField(max_length=20, db_collation="C")  # no foreign key: in-app may be off
    channel = models.CharField(max_length=10)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=50)
    title = models.CharField(max_length=255)
    body = models.TextField()
    actor_name = models.CharField(max_length=150, default="")
    resource_type = models.CharField(max_length=50, default="")
    resource_id = models.CharField(max_length=50, default="")
    resource_url = models.TextField(default="")
    resource_title = models.CharField(max_length=255, default="")
    occurred_at = models.DateTimeField(help_text="The event's own time, from which its age is counted.")

    state = models.CharField(max_length=10, choices=State.choices)
    reason = models.CharField(max_length=24, default="", help_text="Why it was suppressed.")
    due_at = models.DateTimeField(help_text="Not before this; of what is held, the digest's instant.")
    woken_at = models.DateTimeField(db_default=Now(), help_text="When a worker was last called for it.")
    lease_until = models.DateTimeField(null=True, help_text="When a worker that says nothing is given up.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    provider_id = models.CharField(max_length=200, default="", db_default="", help_text="The provider's message id.")
    provider_error = models.CharField(max_length=255, default="", db_default="", help_text="Its latest refusal.")
    devices = models.JSONField(
        default=dict, db_default=Value({}, models.JSONField()), help_text="Of a push: each device's final answer."
    )
    digest = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="items", db_index=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(
        db_default=Now(), help_text="When its state, or the provider's word on it, changed last."
    )
    sent_at = models.DateTimeField(null=True, help_text="When the provider took it.")

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notification_id", "channel"], name="unique_delivery"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="idx_deliveries_pending", condition=Q(state=State.PENDING)),
            # Of what is held, only what no digest has gathered yet.
            models.Index(fields=["due_at"], name="idx_deliveries_held", condition=Q(state=State.HELD, digest=None)),
            models.Index(fields=["user"], name="idx_deliveries_held_user", condition=Q(state=State.HELD, digest=None)),
            models.Index(fields=["lease_until"], name="idx_deliveries_sending", condition=Q(state=State.SENDING)),
            models.Index(fields=["digest"], name="idx_deliveries_digest", condition=Q(digest__isnull=False)),
            models.Index(fields=["user", "-created_at"], name="idx_deliveries_user"),
            models.Index(fields=["provider_id"], name="idx_deliveries_provider", condition=~Q(provider_id="")),
            models.Index(fields=["updated_at"], name="idx_deliveries_failed", condition=Q(state=State.FAILED)),
        ]
        permissions: ClassVar = [("retry_delivery", "Can have failed deliveries sent once more")]

    def __str__(self) -> str:
        return f"{self.channel} of {self.notification_id}: {self.state}"

    @property
    def is_digest(self) -> bool:
        """Whether it gathers others."""
        return self.type == DIGEST


class SuppressedAddress(models.Model):
    """An address that bounced for good or complained; kept as a hash when its person is erased (spec §4)."""

    class Cause(models.TextChoices):
        """What the provider reported."""

        BOUNCE = "bounce", "permanent bounce"
        COMPLAINT = "complaint", "marked as spam"
        MANUAL = "manual", "by support"

    id = models.BigAutoField(primary_key=True)
    address_hash = models.BinaryField(unique=True, help_text="SHA-256 of the address in lower case.")
    address = models.EmailField(null=True, help_text="For support; empty once the person is erased.")  # noqa: DJ001
    cause = models.CharField(max_length=10, choices=Cause.choices)
    detail = models.CharField(max_length=255, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "suppressed_addresses"
        verbose_name_plural = "suppressed addresses"

    def __str__(self) -> str:
        return self.address or "an erased address"


class SesMessage(models.Model):
    """A message of SES that was applied, so that it is applied once; of no use once too old to be taken again."""

    id = models.UUIDField(primary_key=True, help_text="SNS's MessageId, the same at each repetition.")
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ses_messages"
        indexes: ClassVar = [models.Index(fields=["received_at"], name="idx_ses_messages_received")]

    def __str__(self) -> str:
        return str(self.id)

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock that would keep events from being stored."""

    atomic = False
    dependencies = [("notifications", "0002_support")]

    operations = [
        AddIndexConcurrently(
            model_name="rejectedevent",
            index=models.Index(
                condition=~models.Q(event_id=""),
                fields=["event_id"],
                name="idx_rejected_events_event",
            ),
        ),
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(
                condition=models.Q(backfill__isnull=False),
                fields=["backfill"],
                name="idx_notifications_backfill",
            ),
        ),
    ]

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock that would keep deliveries from being recorded."""

    atomic = False
    dependencies = [("delivery", "0004_sent_at")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(condition=models.Q(state="failed"), fields=["updated_at"], name="idx_deliveries_failed"),
        ),
        AddIndexConcurrently(
            model_name="sesmessage",
            index=models.Index(fields=["received_at"], name="idx_ses_messages_received"),
        ),
    ]

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """What feedback needs. `deliveries` comes with the same release, so its index is made on an empty table."""

    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SesMessage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        help_text="SNS's MessageId, the same at each repetition.", primary_key=True, serialize=False
                    ),
                ),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "ses_messages"},
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("provider_id", ""), _negated=True),
                fields=["provider_id"],
                name="idx_deliveries_provider",
            ),
        ),
    ]

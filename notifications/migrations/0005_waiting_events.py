import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """A new table, and a reason more that no column knows of: nothing that runs is held up."""

    dependencies = [("notifications", "0004_support_group")]

    operations = [
        migrations.CreateModel(
            name="WaitingEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "body",
                    models.TextField(
                        help_text="One CloudEvent as JSON, checked, and cleaned of what PostgreSQL cannot store."
                    ),
                ),
                (
                    "accepted_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="In the role of the SQS SentTimestamp.",
                    ),
                ),
                (
                    "taken_until",
                    models.DateTimeField(help_text="Until then an intake has it in hand.", null=True),
                ),
                (
                    "receives",
                    models.PositiveSmallIntegerField(db_default=0, help_text="By intakes that did not put it back."),
                ),
            ],
            options={"db_table": "waiting_events"},
        ),
        migrations.AlterField(
            model_name="rejectedevent",
            name="reason",
            field=models.CharField(
                choices=[
                    ("not_json", "the body is not JSON"),
                    ("wrong_shape", "not a CloudEvents 1.0 event with our data"),
                    ("unknown_type", "the catalogue has no such type"),
                    ("too_many_recipients", "more than 10,000 recipients"),
                    ("too_large", "more than 1 MiB"),
                    ("bad_url", "resource.url leads neither to us nor to an allowed host"),
                    ("forbidden_source", "the service may not publish under this source"),
                    ("id_collision", "another notification holds the id of one of this event's"),
                    ("internal_error", "the event made the pipeline fail"),
                ],
                max_length=24,
            ),
        ),
    ]

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
        ("preferences", "0005_index_push_tokens"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Backfill",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("notifications", "notifications"),
                            ("push_tokens", "push tokens"),
                            ("preferences", "preferences"),
                        ],
                        max_length=20,
                    ),
                ),
                ("file_name", models.CharField(max_length=255)),
                ("file_digest", models.BinaryField(help_text="SHA-256 of the file: the same file is the same run.")),
                (
                    "position",
                    models.BigIntegerField(db_default=0, default=0, help_text="Bytes of the file that are done."),
                ),
                (
                    "lines",
                    models.BigIntegerField(db_default=0, default=0, help_text="Lines of the file that are done."),
                ),
                (
                    "counts",
                    models.JSONField(default=dict, help_text="What became of the lines, by word: {stored: 12, …}."),
                ),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "backfills",
            },
        ),
        migrations.CreateModel(
            name="Forecast",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("type", models.CharField(max_length=50)),
                (
                    "defaults",
                    models.JSONField(help_text="The defaults to try, by channel: {email: true}; empty: as they are."),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("after", models.UUIDField(help_text="The last user who was counted, in the order of ids.", null=True)),
                ("users", models.BigIntegerField(db_default=0, default=0, help_text="How many were counted.")),
                (
                    "total",
                    models.BigIntegerField(
                        db_default=0, default=0, help_text="How many there were at the start, about."
                    ),
                ),
                (
                    "now",
                    models.JSONField(
                        default=dict, help_text="Users by channel and reason as it is: {email: {digest_daily: 3}}."
                    ),
                ),
                ("then", models.JSONField(default=dict, help_text="The same under the defaults to try.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "forecasts",
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "permissions": [("open_body", "Can open the body of what was sent to people (logged)")],
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("preferences.user",),
        ),
        migrations.AddField(
            model_name="notification",
            name="displayed_at",
            field=models.DateTimeField(help_text="When a bell first showed it.", null=True),
        ),
        migrations.AddField(
            model_name="rejectedevent",
            name="event_id",
            field=models.CharField(db_default="", default="", help_text="As far as it could be read.", max_length=255),
        ),
        migrations.AddField(
            model_name="rejectedevent",
            name="source",
            field=models.CharField(db_default="", default="", help_text="As far as it could be read.", max_length=255),
        ),
        migrations.AddConstraint(
            model_name="backfill",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at__isnull", True)), fields=("kind", "file_digest"), name="unique_backfill"
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="backfill",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="notifications",
                to="notifications.backfill",
            ),
        ),
    ]

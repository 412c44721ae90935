from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_ses_feedback")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="devices",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                help_text="Of a push: each device's final answer.",
            ),
        ),
    ]

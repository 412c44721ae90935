from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock that would keep people from being written."""

    atomic = False
    dependencies = [("preferences", "0003_user_preferences_changed_at")]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(fields=["preferences_changed_at"], name="idx_users_preferences_changed"),
        ),
    ]

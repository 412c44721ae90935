from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """Without a lock that would keep people from being written."""

    atomic = False
    dependencies = [("preferences", "0004_index_changed_preferences")]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=GinIndex(fields=["push_tokens"], name="idx_users_push_tokens", opclasses=["jsonb_path_ops"]),
        ),
    ]

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.search import SearchVector
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock that would keep people from being written."""

    atomic = False
    dependencies = [("preferences", "0005_index_push_tokens")]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=GinIndex(SearchVector("name", config="simple"), name="idx_users_name"),
        ),
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(condition=models.Q(is_staff=True), fields=["id"], name="idx_users_staff"),
        ),
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(condition=models.Q(is_superuser=True), fields=["id"], name="idx_users_superusers"),
        ),
        # How common a word is, the planner knows only after this; else it may go through all addresses for a rare name.
        migrations.RunSQL("ANALYZE users", migrations.RunSQL.noop),
    ]

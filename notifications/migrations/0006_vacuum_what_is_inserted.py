from django.db import migrations


class Migration(migrations.Migration):
    """Vacuum the inbox after every 20,000 new rows, not after a fifth of the table.

    Counts of unread rows read the index alone where a vacuum has been since, and every row where none has
    (docs/decisions/0017). Whoever reads or writes the table meanwhile is not held up: SHARE UPDATE EXCLUSIVE.
    """

    dependencies = [("notifications", "0005_waiting_events")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE notifications SET"
            " (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000)",
            "ALTER TABLE notifications RESET"
            " (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold)",
        ),
    ]

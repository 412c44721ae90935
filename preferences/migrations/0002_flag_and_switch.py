"""The flag, off for everyone, and the kill switch, released, so that the admin shows both from the start."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("preferences", "Flag").objects.get_or_create(
        name="notifications_v2",
        defaults={"superusers": False, "note": "Who is on the new notifications; the percentage is sticky."},
    )
    apps.get_model("waffle", "Switch").objects.get_or_create(
        name="notifications_kill_switch",
        defaults={"active": False, "note": "Stops intake and sending and hides every bell; loses nothing."},
    )


class Migration(migrations.Migration):
    dependencies = [("preferences", "0001_initial"), ("waffle", "0004_update_everyone_nullbooleanfield")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("preferences", "0002_flag_and_switch")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="preferences_changed_at",
            field=models.DateTimeField(help_text="By which held digests move to the new choice.", null=True),
        ),
    ]

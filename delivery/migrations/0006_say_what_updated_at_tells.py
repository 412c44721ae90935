import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_index_failed_and_ses_messages")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="updated_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="When its state, or the provider's word on it, changed last.",
            ),
        ),
    ]

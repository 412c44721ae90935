"""Who raises the rollout sees how it runs and what would happen to somebody, and nobody's notifications (spec §7, §8).

Operations and Templates, which name no person, get a right of their own. Whoever could open them keeps that.
"""

from django.db import migrations

SEE_SYSTEM = ("view_system", "Can see how the system runs and what its templates look like")


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    see_people = _permission(apps, alias, "account", "view_account", "Can view person")
    see_system = _permission(apps, alias, "account", *SEE_SYSTEM)
    see_forecasts = _permission(apps, alias, "forecast", "view_forecast", "Can view forecast")
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(permissions=see_people):
        group.permissions.add(see_system)
    for user in apps.get_model("preferences", "User").objects.using(alias).filter(user_permissions=see_people):
        user.user_permissions.add(see_system)
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name="Product"):
        group.permissions.add(see_system, see_forecasts)


def _permission(apps, alias, model, codename, name):
    """Return the right, made here where Django has not made it yet, as it does after all migrations."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    content_type, _ = types.get_or_create(app_label="notifications", model=model)
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": name})
    )
    return permission


class Migration(migrations.Migration):
    dependencies = [("notifications", "0006_vacuum_what_is_inserted")]

    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "permissions": [("open_body", "Can open the body of what was sent to people (logged)"), SEE_SYSTEM],
            },
        ),
        # Who had which right before cannot be told on the way back, and the release before does not ask for the new one.
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]

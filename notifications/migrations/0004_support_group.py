"""The groups of those who work in the admin, each with what its work takes and no more (spec §8).

Permissions are made after all migrations, which is too late here: what is missing is made now, under the names that
Django would give it. Members are added in the admin.
"""

from django.db import migrations

SUPPORT = {
    ("notifications", "account", "person"): ["view", "open_body"],
    ("notifications", "rejectedevent", "rejected event"): ["view", "change"],  # change: replay
    ("notifications", "forecast", "forecast"): ["view", "add"],
    ("notifications", "backfill", "backfill"): ["view"],
    ("delivery", "delivery", "delivery"): ["view", "retry_delivery"],
    ("delivery", "suppressedaddress", "suppressed address"): ["view", "add", "delete"],
}
PRODUCT = {("preferences", "flag", "Flag"): ["view", "change"]}
GROUPS = {"Support": SUPPORT, "Product": PRODUCT}

OWN_NAMES = {
    "open_body": "Can open the body of what was sent to people (logged)",
    "retry_delivery": "Can have failed deliveries sent once more",
}


def create(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name, rights in GROUPS.items():
        group, _ = groups.get_or_create(name=name)
        group.permissions.set(
            _permission(apps, schema_editor, model, right) for model, actions in rights.items() for right in actions
        )


def _permission(apps, schema_editor, model, right):
    app_label, model_name, verbose_name = model
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    content_type, _ = types.get_or_create(app_label=app_label, model=model_name)
    codename = right if right in OWN_NAMES else f"{right}_{model_name}"
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": OWN_NAMES.get(right, f"Can {right} {verbose_name}")},
        )
    )
    return permission


def remove(apps, schema_editor):
    """Who is in them cannot be made up again on the way forwards: groups with members stay, and do no harm."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS, user=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_support_indexes"),
        ("delivery", "0005_index_failed_and_ses_messages"),
        ("preferences", "0005_index_push_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create, remove)]

"""`modified` of a waffle switch is when it turned: the pages and the ramp after a release go by it.

Waffle stamps every save, also that of a note, or one by `manage.py waffle_switch` that leaves it as it was.
"""

from typing import Any

from django.db.models import Model
from django.db.models.signals import pre_save


def keep_hour(sender: type[Model], instance: Any, *, raw: bool, using: str, **_: Any) -> None:
    """Leave `modified` as it was, unless the switch turns."""
    if raw:
        return
    before = sender._base_manager.using(using).filter(pk=instance.pk).values_list("active", "modified").first()
    if before is not None and before[0] == instance.active:
        instance.modified = before[1]


def listen() -> None:
    """Have every switch keep its hour, from now on."""
    pre_save.connect(keep_hour, sender="waffle.Switch", dispatch_uid="keep_hour")

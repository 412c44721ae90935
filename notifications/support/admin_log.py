"""Every action of support is on record, in Django's own admin log."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest


def record(request: HttpRequest, subject: Model, action: str) -> None:
    """Note that the person behind the request did this to the subject. `action` names no secret and no text of anybody:
    "Opened the body", "Sent once more"."""
    assert request.user.pk  # no page of the admin opens without a login
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(subject, for_concrete_model=False),
        object_id=str(subject.pk),
        object_repr=str(subject)[:200],
        action_flag=CHANGE,
        change_message=action,
    )

"""What support did about one person: with the account, its address, and what the person got (spec §8)."""

from collections.abc import Iterator
from typing import Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Model, Q, QuerySet
from django.db.models.functions import Cast

from delivery.models import Delivery
from notifications.models import Notification
from notifications.upkeep.traces import Traces

#: Whose entries name a row by its own id, and not its person.
_OF_PEOPLE: Final[tuple[type[Model], ...]] = (Notification, Delivery)


def about(person: Traces) -> Iterator[QuerySet[LogEntry]]:
    """Yield the entries about the person, none in two of the lists, each list one query.

    What was done with a row is found for as long as the row is there.
    """
    names_person = (
        Q(object_id__iregex=person.pattern)
        | Q(object_repr__iregex=person.pattern)
        | Q(change_message__iregex=person.pattern)
    )
    yield LogEntry.objects.filter(names_person)
    for model in _OF_PEOPLE:
        ids = model._default_manager.filter(user_id=person.user_id).values(written=Cast("pk", CharField()))
        of_model = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=ids)
        yield of_model.exclude(names_person)

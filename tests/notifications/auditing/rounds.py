"""Events that went through the pipeline, and audits of them."""

import itertools
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from delivery.models import Delivery
from notifications import pipeline
from notifications.auditing import audit
from notifications.auditing.findings import Damage, Report
from notifications.auditing.window import open_window
from notifications.models import Decision, Notification, Path, ReceivedEvent
from preferences.catalog import Channel
from preferences.models import User
from tests.cloudevents import event_for, message

LONG_AGO = timedelta(hours=1)
PHONE = [{"platform": "ios", "token": "t", "device_id": "d"}]
_numbers = itertools.count(1)
Row = TypeVar("Row", bound=Model)


def process(*recipients: User, **changes: Any) -> ReceivedEvent:
    """An event of its own for these people, with changes."""
    event = event_for(*recipients, **{"id": f"event-{next(_numbers)}", **changes})
    assert not pipeline.process([message(event)], path=Path.SQS)
    return ReceivedEvent.objects.get(event_id=event["id"])


def audited(*, repair: bool = False, step: int = audit.STEP, **bounds: timedelta) -> Report:
    """A whole audit, of the events between the two ages."""
    report = Report(most_shown=100)
    for stage in audit.stages(open_window(**bounds), repair=repair, step=step):
        for progress in stage.steps:
            report.take(progress.account)
    return report


def id_of(event: ReceivedEvent, user: User) -> str:
    """The id of the notification that it stored."""
    return Notification.objects.get(event=event, user=user).id


def deliveries_of(event: ReceivedEvent, user: User, channel: Channel) -> QuerySet[Delivery]:
    """The one that there is, or will be again."""
    return Delivery.objects.filter(notification_id=id_of(event, user), channel=channel)


def everything() -> list[Any]:
    """All rows, without the times at which an audit may look at them."""
    return [list(model.objects.order_by("pk").values()) for model in (ReceivedEvent, Decision, Notification, Delivery)]


def assert_repaired(found: dict[Damage, int]) -> None:
    """What is found is just that; a repair leaves nothing of it, and a second one changes nothing more."""
    assert dict(audited().found) == found
    repair = audited(repair=True)
    assert dict(repair.found) == found
    assert not repair.left.total()
    assert not audited().found
    after = everything()
    assert not audited(repair=True).found
    assert everything() == after


def doubled(query: QuerySet[Row], **changes: Any) -> Row:
    """Store a copy of the row under a foreign id."""
    row = query.get()
    for name, value in {"pk": None, **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row

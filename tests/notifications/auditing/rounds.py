"""Events that went through the pipeline, and audits of them."""

import itertools
from datetime import timedelta
from typing import Any

from notifications import pipeline
from notifications.auditing import audit
from notifications.auditing.findings import Report
from notifications.auditing.window import open_window
from notifications.models import Path, ReceivedEvent
from preferences.models import User
from tests.cloudevents import event_for, message

LONG_AGO = timedelta(hours=1)
PHONE = [{"platform": "ios", "token": "t", "device_id": "d"}]
_numbers = itertools.count(1)


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

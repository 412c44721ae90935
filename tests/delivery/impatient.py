"""Production's Celery application, with its minutes turned into a second: `celery -A tests.delivery.impatient`."""

from datetime import timedelta
from typing import Final

import django

from notifications_project.celery import app

django.setup()

from delivery import lanes, sweeper  # noqa: E402

__all__ = ["app"]

_A_SECOND: Final = timedelta(seconds=1)

lanes.PROBE = _A_SECOND  # type: ignore[misc]
sweeper.PATIENCE = _A_SECOND  # type: ignore[misc]
for entry in app.conf.beat_schedule.values():
    entry["schedule"] = _A_SECOND

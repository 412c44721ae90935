"""Settings that would take away what is wanted still, found before they do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error

_RETENTIONS: Final = (
    "LEDGER_RETENTION", "REJECTED_RETENTION", "DELIVERY_RETENTION", "NOTIFICATION_RETENTION", "SES_MESSAGE_RETENTION",
    "FORECAST_RETENTION",
)  # fmt: skip


def check_retention(**_: Any) -> Sequence[CheckMessage]:
    """Find what would prune rows on the day on which they come, or before."""
    return [
        Error(
            f"{name}_DAYS keeps rows for less than a day.",
            hint="Write a number of days, 1 or more.",
            id="notifications.E001",
        )
        for name in _RETENTIONS
        if getattr(settings, name) < timedelta(days=1)
    ]

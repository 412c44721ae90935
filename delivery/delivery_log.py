"""What the log tells of mails and pushes: those that failed or wait for another attempt, and with LOG_EVENTS all."""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from delivery import origins
from delivery.models import Delivery, State
from delivery.outcomes import Change

logger = logging.getLogger(__name__)


def settled(delivery: Delivery, change: Change) -> None:
    """An attempt is over, and what it came to is on record. What was not asked, or is held, is no line's worth."""
    error = change.columns.get("provider_error", "")
    attempts = change.columns.get("attempts", delivery.attempts)
    if change.state is State.FAILED:
        logger.warning("delivery failed", extra=_fields(delivery, change.state, error=error, attempts=attempts))
    elif change.state is State.PENDING and error:
        logger.info("delivery is tried again", extra=_fields(delivery, change.state, error=error, attempts=attempts))
    elif change.state is State.SENT and settings.LOG_EVENTS:
        logger.info("delivery sent", extra=_fields(delivery, change.state, error=error, attempts=attempts))
    elif change.state is State.SUPPRESSED and settings.LOG_EVENTS:
        logger.info("delivery suppressed", extra=_fields(delivery, change.state, reason=change.columns["reason"]))


def _fields(delivery: Delivery, state: State, **more: Any) -> Mapping[str, Any]:
    try:
        origin = None if delivery.is_digest else origins.of(delivery.notification_id)
    except (DatabaseError, InterfaceError):  # the line is worth more than its event
        origin = None
    return {
        "event_id": origin.event_id if origin else "",
        "event_source": origin.source if origin else "",
        "notification_id": delivery.notification_id,
        "delivery_id": delivery.id,
        "channel": delivery.channel,
        "state": state.value,
        **more,
    }

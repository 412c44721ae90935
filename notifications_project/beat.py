"""Celery's beat, which tells of an SQS that is away as an intake does: at once, every half minute, and when it is back.

Celery's own scheduler logs each call that SQS does not take as an error, with all that is on the stack: seventy lines
every five seconds, in which nothing else is found.
"""

import logging
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from kombu import Producer

from delivery.dispatch import CALL_ERRORS
from notifications.intake.queue_outage import QueueOutage

logger = logging.getLogger(__name__)


class Beat(Scheduler):
    """What `celery beat --scheduler` names. Keeps nothing: after a restart everything is due at its next time."""

    def __init__(self, app: Celery, **options: Any) -> None:
        super().__init__(app, **options)
        self._outage = QueueOutage()

    def apply_entry(self, entry: ScheduleEntry, producer: Producer | None = None) -> None:
        """Call for what is due. What nobody was called for is due again at its next time."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            self._failed(error)
        else:
            self._outage.answered()

    def _failed(self, error: SchedulingError) -> None:
        cause = error.__context__
        if isinstance(cause, CALL_ERRORS):
            self._outage.failed(cause)
        else:
            logger.error("no worker called", exc_info=error)

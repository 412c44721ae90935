"""When bells first showed what: gathered in the process, and written at most once a second in one statement (spec §3).

It is the last step of a notification's story and a measure of latency, and no more than that: a batch that cannot be
written is dropped.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from django.db import connection
from django.utils import timezone

from notifications import ids
from notifications.sockets.threads import in_thread
from telemetry import metrics
from telemetry.metric_catalog import Metric, Stage

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 1.0
#: Displays of one batch. What bells say beyond that within a second is passed over.
_MOST: Final = 10_000

#: By user and notification, when a bell said first that it is on the screen.
Shown = Mapping[tuple[UUID, str], datetime]

# What somebody marks as read this very moment is passed over: two that wait for each other would fail one of them.
_RECORD = """
    WITH first AS (
        SELECT id, shown.at FROM notifications
        JOIN json_to_recordset(%s) AS shown (id text, user_id uuid, at timestamptz) USING (id, user_id)
        WHERE displayed_at IS NULL
        FOR NO KEY UPDATE OF notifications SKIP LOCKED
    )
    UPDATE notifications SET displayed_at = first.at FROM first WHERE notifications.id = first.id
    RETURNING notifications.id, displayed_at, created_at
"""


class Displays:
    """What the bells of this process have shown and PostgreSQL does not know yet. Lives on one event loop."""

    def __init__(self) -> None:
        self._shown: dict[tuple[UUID, str], datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, user_id: UUID, notification_id: str) -> None:
        """A bell of this user shows the notification now; written soon."""
        if len(self._shown) < _MOST:
            self._shown.setdefault((user_id, notification_id), timezone.now())
        if self._task is None:
            self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Write batch by batch, and end when nothing more came."""
        while self._shown:
            await asyncio.sleep(_EVERY_SECONDS)
            shown, self._shown = self._shown, {}
            try:
                await in_thread(record, shown)
            except Exception as error:  # whatever it is, the next batch is worth its try
                logger.warning("displays dropped", extra={"error": type(error).__name__, "displays": len(shown)})
        self._task = None


def record(shown: Shown) -> int:
    """Set `displayed_at` where it is not set yet, on the users' own rows alone; return on how many."""
    rows = [{"id": id_, "user_id": user_id, "at": at} for (user_id, id_), at in shown.items()]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [orjson.dumps(rows).decode()])
        first = cursor.fetchall()
    _measure(first)
    return len(first)


def _measure(first: Sequence[tuple[str, datetime, datetime]]) -> None:
    """Say how late they were: from the event, whose time the id tells, and since they were stored."""
    if metrics.are_on():
        late = [max(0.0, (at - ids.occurred_at(id_)).total_seconds()) for id_, at, _ in first]
        metrics.distribution(Metric.LATENCY, late, stage=Stage.DISPLAYED)
        took = [max(0.0, (at - stored_at).total_seconds()) for _, at, stored_at in first]
        metrics.distribution(Metric.STAGE, took, stage=Stage.DISPLAYED)

"""Removing what is doubled: the row under the event's own id stays, and takes over what befell the other one."""

import logging
from collections.abc import Sequence

import orjson
from django.db import connection, transaction

from delivery import dispatch
from delivery.transports import bell
from notifications import inbox
from notifications.auditing.doubles import Stray
from notifications.auditing.rows import read_rows
from notifications.models import Notification
from preferences.catalog import Channel

logger = logging.getLogger(__name__)

# Whoever read one of the two has read it.
_KEEP_MARKS = """
    UPDATE notifications AS kept
    SET read_at = LEAST(kept.read_at, stray.read_at), displayed_at = LEAST(kept.displayed_at, stray.displayed_at)
    FROM json_to_recordset(%s) AS pair (kept text, stray text) JOIN notifications AS stray ON stray.id = pair.stray
    WHERE kept.id = pair.kept
"""

# What went out under one id does not go out under the other one.
_KEEP_ENDS = """
    UPDATE deliveries AS kept
    SET state = stray.state, reason = stray.reason, sent_at = stray.sent_at, attempts = stray.attempts,
        provider_id = stray.provider_id, provider_error = stray.provider_error, devices = stray.devices,
        digest_id = stray.digest_id, updated_at = statement_timestamp()
    FROM json_to_recordset(%s) AS pair (kept text, stray text, channel text)
        JOIN deliveries AS stray ON stray.notification_id = pair.stray AND stray.channel = pair.channel
    WHERE kept.notification_id = pair.kept AND kept.channel = pair.channel
        AND kept.state IN ('held', 'pending') AND stray.state IN ('sent', 'delivered', 'bounced')
"""

# What a worker has in hand stays until it is done.
_REMOVE_DELIVERIES = """
    DELETE FROM deliveries USING json_to_recordset(%s) AS pair (stray text, channel text)
    WHERE notification_id = pair.stray AND deliveries.channel = pair.channel AND state <> 'sending'
    RETURNING deliveries.id, deliveries.channel, state
"""


def remove(doubled: Sequence[Stray]) -> list[Stray]:
    """Remove the rows whose id is not their event's, tell the bells, and return those that had to be left."""
    if not doubled:
        return []
    in_inbox = [stray for stray in doubled if stray.channel is Channel.IN_APP]
    in_outbox = [stray for stray in doubled if stray.channel is not Channel.IN_APP]
    with transaction.atomic():
        read = _remove_notifications(in_inbox)
        _remove_deliveries(in_outbox)
    _tell(in_inbox, read)
    rows = read_rows({stray.id for stray in doubled})
    return [stray for stray in doubled if rows.has(stray.id, stray.channel)]


def _remove_notifications(strays: Sequence[Stray]) -> set[str]:
    """Return the ids of those that stay and are read."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_MARKS, [_as_json(strays)])
    Notification.objects.filter(id__in=[stray.id for stray in strays]).delete()
    kept = Notification.objects.filter(id__in=[stray.right_id for stray in strays])
    read = set(kept.filter(read_at__isnull=False).values_list("id", flat=True))
    dispatch.cancel(read)
    return read


def _remove_deliveries(strays: Sequence[Stray]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_ENDS, [_as_json(strays)])
        cursor.execute(_REMOVE_DELIVERIES, [_as_json(strays)])
        for id_, channel, state in cursor:
            logger.info("doubled delivery removed", extra={"delivery_id": id_, "channel": channel, "state": state})


def _as_json(strays: Sequence[Stray]) -> str:
    rows = [{"stray": stray.id, "kept": stray.right_id, "channel": stray.channel} for stray in strays]
    return orjson.dumps(rows).decode()


def _tell(strays: Sequence[Stray], read: set[str]) -> None:
    """Tell the open bells the count as it is now; they know no word for a row that is gone, so it is read."""
    listening = bell.listening({stray.user_id for stray in strays})
    unread = inbox.count_unread(listening)
    bell.publish(
        (
            (
                stray.user_id,
                {
                    "type": "read",
                    "ids": [stray.id, *({stray.right_id} & read)],
                    "unread_count": unread.by_user[stray.user_id],
                },
            )
            for stray in strays
            if stray.user_id in listening
        ),
        counted_at=unread.at,
    )

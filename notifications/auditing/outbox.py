"""What waits to go out, and what should move it on: workers, the sweeper, the digests (spec §6).

All of it is looked at, of whatever age, by indexes that hold nothing else. Whatever runs in the background
has its grace: what it puts right within minutes by itself is no damage.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from delivery import digests, lanes, sweeper
from delivery.transports.registry import OUTBOUND
from notifications.auditing.findings import Damage, Finding
from preferences import rollout
from preferences.catalog import Channel

#: The sweeper looks every few seconds, and repeats a call after its PATIENCE. Three times that, and nobody sweeps.
SWEPT: Final = 3 * sweeper.PATIENCE
#: Digests are collected each minute. Those of a million people at nine in the morning take some.
COLLECTED: Final = timedelta(minutes=10)

_FIND: Final = """
    SELECT row.channel, COALESCE(event.id, 0), COALESCE(event.event_id, ''), row.user_id, row.notification_id
    FROM deliveries AS row
        LEFT JOIN notifications AS beside ON beside.id = row.notification_id
        LEFT JOIN received_events AS event ON event.id = beside.event_id
    WHERE {condition}
"""

_CONDITIONS: Final[Mapping[Damage, str]] = MappingProxyType(
    {
        Damage.STUCK_LEASE: """
            row.state = 'sending'
            AND (row.lease_until < statement_timestamp() - %(swept)s OR row.lease_until IS NULL)""",
        Damage.LOST_TASK: """
            row.state = 'pending' AND row.channel = ANY(%(open)s)
            AND row.due_at < statement_timestamp() - %(swept)s AND row.woken_at < statement_timestamp() - %(swept)s""",
        Damage.LOST_DIGEST: """
            row.state = 'held' AND row.digest_id IS NULL AND %(collects)s
            AND row.due_at < statement_timestamp() - %(collected)s""",
    }
)


def find(*, limit: int) -> Iterator[list[Finding]]:
    """Yield what does not move on, at most `limit` at a time."""
    is_held = _is_held()
    values: dict[str, Any] = {
        "swept": SWEPT,
        "collected": COLLECTED,
        "open": [] if is_held else _open_channels(),
        "collects": not is_held,
    }
    for damage, condition in _CONDITIONS.items():
        with connection.chunked_cursor() as cursor:
            cursor.execute(_FIND.format(condition=condition), values)
            while rows := cursor.fetchmany(limit):
                yield [Finding(damage, Channel(channel), *about) for channel, *about in rows]


def move_on() -> None:
    """Do at once what the background has left undone: make digests, take expired leases back, call workers.

    A sweep that was not full has reached the end; more comes due all the time, so an empty one is not waited for.
    """
    digests.collect()
    while sweeper.reclaim() >= sweeper.LIMIT:
        pass
    while sweeper.sweep() >= sweeper.LIMIT:
        pass


def _is_held() -> bool:
    """Whether the kill switch holds everything, or did until a moment ago."""
    current = rollout.current()
    if current.is_killed or current.turned_at is None:
        return current.is_killed
    return timezone.now() - current.turned_at < settings.RELEASE_RAMP + SWEPT


def _open_channels() -> list[str]:
    """Return the channels for which workers are called at all; on the others, what is due waits as it should."""
    return [channel.value for channel in OUTBOUND if not lanes.is_blocked(channel)]

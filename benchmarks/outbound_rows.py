"""Rows for `benchmarks.outbound_work`: people, phones, and deliveries that wait for them. Needs a configured Django."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from delivery.models import State
from preferences.catalog import Channel
from preferences.models import Flag
from preferences.push_tokens import Platform
from preferences.rollout import FLAG

_PEOPLE: Final = """
    INSERT INTO users (id, password, is_superuser, is_staff, is_active, email, name, notification_preferences)
    SELECT lpad(to_hex(number), 32, '0')::uuid, '', false, false, true,
           'reader' || number || '@example.com', 'Reader ' || number, %(preferences)s::jsonb
    FROM generate_series(1, %(people)s) AS number
    ON CONFLICT (id) DO UPDATE SET notification_preferences = EXCLUDED.notification_preferences
"""

_PHONES: Final = """
    UPDATE users SET push_tokens = jsonb_build_array(jsonb_build_object(
        'platform', (%(platforms)s::text[])[1 + number %% cardinality(%(platforms)s::text[])],
        'token', lpad(to_hex(number), 64, '0'), 'device_id', 'phone', 'registered_at', now()))
    FROM generate_series(1, %(people)s) AS number
    WHERE users.id = lpad(to_hex(number), 32, '0')::uuid
"""

_DELIVERIES: Final = """
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at)
    SELECT 'ntf_' || lpad(to_hex(number * %(each)s + item), 16, '0'), %(channel)s,
           lpad(to_hex(number), 32, '0')::uuid, 'task_assigned', 'New task assigned to you',
           'Sarah Kim assigned ''Update pricing page'' to you', 'Sarah Kim', 'task', 'tsk_' || item,
           '/tasks/tsk_' || item, 'Update pricing page', now(), %(state)s, '', now() - interval '1 second'
    FROM generate_series(1, %(people)s) AS number, generate_series(1, %(each)s) AS item
    ORDER BY random() -- a user's items came at different times and lie on different pages
    RETURNING id
"""


def make_people(count: int, *, preferences: Mapping[str, str] | None = None) -> None:
    """Make users 1 to `count`, all in the rollout; those who are there change their preferences."""
    Flag.objects.update_or_create(name=FLAG, defaults={"everyone": True})
    _execute(_PEOPLE, people=count, preferences=json.dumps(preferences or {}))


def give_phones(count: int, platforms: Sequence[Platform]) -> None:
    """Give users 1 to `count` one phone each, of the platforms in turn, in place of what they had."""
    _execute(_PHONES, people=count, platforms=[platform.value for platform in platforms])


def make_deliveries(people: int, *, channel: Channel, state: State = State.PENDING, each: int = 1) -> list[int]:
    """Put `each` due deliveries for users 1 to `people` on record, in place of all others, and return their ids."""
    _execute("TRUNCATE deliveries")
    ids = _execute(_DELIVERIES, people=people, channel=channel.value, state=state.value, each=each)
    _execute("ANALYZE deliveries")  # as autovacuum does where rows come one by one
    return [id_ for (id_,) in ids]


def backend_pid() -> int:
    """Return the process that works for us in PostgreSQL."""
    [(pid,)] = _execute("SELECT pg_backend_pid()")
    return int(pid)


def _execute(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

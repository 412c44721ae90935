"""The product's side of `benchmarks.outbound`: makes rows, sends and collects, and prints the figures as JSON.

A program of its own, so that the harness needs no Django: `python -m benchmarks.outbound_work mails 1000`.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from delivery import attempts, digests, dispatch  # noqa: E402
from delivery.dispatch import CHUNK  # noqa: E402
from delivery.models import DIGEST, Delivery, State  # noqa: E402
from delivery.transports.contract import Outgoing  # noqa: E402
from delivery.transports.email import SesTransport  # noqa: E402
from preferences.catalog import Channel  # noqa: E402
from preferences.models import Flag, User  # noqa: E402
from preferences.rollout import FLAG  # noqa: E402

_WARM_UP: Final = 20  # mails
_ITEMS: Final = 3  # held for each user

_USERS = """
    INSERT INTO users (id, password, is_superuser, is_staff, is_active, email, name, notification_preferences)
    SELECT lpad(to_hex(number), 32, '0')::uuid, '', false, false, true,
           'reader' || number || '@example.com', 'Reader ' || number, %s::jsonb
    FROM generate_series(1, %s) AS number
    ON CONFLICT (id) DO UPDATE SET notification_preferences = EXCLUDED.notification_preferences
"""

_DELIVERIES = """
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at)
    SELECT %(name)s || lpad(to_hex(number * %(items)s + item), 12, '0'), 'email',
           lpad(to_hex(number), 32, '0')::uuid, 'task_assigned', 'New task assigned to you',
           'Sarah Kim assigned ''Update pricing page'' to you', 'Sarah Kim', 'task', 'tsk_' || item,
           '/tasks/tsk_' || item, 'Update pricing page', now(), %(state)s, '', now() - interval '1 second'
    FROM generate_series(1, %(users)s) AS number, generate_series(1, %(items)s) AS item
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What doing something `count` times took; CPU is this process's alone."""

    count: int
    seconds: float
    cpu_seconds: float


def mails(count: int) -> dict[str, Cost]:
    """Send so many mails by the transport alone, and as many again on the whole way of a worker."""
    _populate(count)
    ids = _rows(count, state=State.PENDING, name="one_")
    users = User.objects.in_bulk()
    outgoing = [Outgoing(delivery, users[delivery.user_id]) for delivery in Delivery.objects.filter(id__in=ids)]
    _send(outgoing[:_WARM_UP])
    return {"transport": _cost(count, lambda: _send(outgoing)), "worker": _cost(count, lambda: _attempt(ids))}


def digest_run(users: int) -> dict[str, Cost]:
    """Make a digest for each of so many users with held items: with the calls of workers, and without."""
    _populate(users, preferences={"email_digest": "daily"})
    costs: dict[str, Cost] = {}
    wake = dispatch.wake
    for name, wake_workers in (("collect", _call_nobody), ("collect_and_wake", wake)):
        _forget_deliveries()
        _rows(users, items=_ITEMS, state=State.HELD, name="held")
        _analyze()
        dispatch.wake = wake_workers
        costs[name] = _cost(users, digests.collect)
        made = Delivery.objects.filter(type=DIGEST).count()
        if made != users:
            raise RuntimeError(f"{made} digests for {users} users")
    return costs


def _populate(users: int, *, preferences: dict[str, str] | None = None) -> None:
    Flag.objects.update_or_create(name=FLAG, defaults={"everyone": True})
    with connection.cursor() as cursor:
        cursor.execute(_USERS, [json.dumps(preferences or {}), users])


def _forget_deliveries() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE deliveries")


def _analyze() -> None:
    """Let PostgreSQL count, as autovacuum does where rows come one by one."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries")


def _rows(users: int, *, state: State, name: str, items: int = 1) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, {"users": users, "items": items, "state": state.value, "name": name})
        return [id_ for (id_,) in cursor.fetchall()]


def _send(outgoing: Sequence[Outgoing]) -> None:
    failed = [result.answer for result in SesTransport().send(outgoing) if not isinstance(result.answer, str)]
    if failed:
        raise RuntimeError(f"{len(failed)} mails were not taken: {failed[0]!r}")


def _attempt(ids: Sequence[int]) -> None:
    for start in range(0, len(ids), CHUNK):
        attempts.attempt(Channel.EMAIL, ids[start : start + CHUNK], SesTransport)
    sent = Delivery.objects.filter(id__in=ids, state=State.SENT).count()
    if sent != len(ids):
        raise RuntimeError(f"{sent} of {len(ids)} mails were sent")


def _call_nobody(due: object) -> None:
    """In place of dispatch.wake."""


def _cost(count: int, work: Callable[[], object]) -> Cost:
    started, cpu_started = time.perf_counter(), time.process_time()
    work()
    return Cost(count, time.perf_counter() - started, time.process_time() - cpu_started)


def main(what: str, count: int) -> None:
    """Print the costs, the memory of this process at its largest (MiB), and when it was."""
    costs = {"mails": mails, "digests": digest_run}[what](count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {name: asdict(cost) for name, cost in costs.items()}
    json.dump({"costs": figures, "memory_mib": memory, "measured_at": timezone.now().isoformat()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

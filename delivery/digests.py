"""Digest mails: what is held becomes one mail per user and period (spec §6).

A digest is itself a delivery, whose id is computed from user and period: the unique key keeps it one, however often
and in how many places this runs.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from delivery import delivery_metrics, dispatch, recipients, shutdown
from delivery.dispatch import Due
from delivery.models import Delivery, State
from delivery.recheck import decide_again
from preferences import rollout
from preferences.catalog import Channel
from preferences.decisions import Decision, Outcome
from telemetry import metrics
from telemetry.metric_catalog import Metric

_USERS: Final = 500  # whose digests are made in one transaction
_ITEMS: Final = 5_000  # whose choices are looked at again in one transaction
#: How long ago choices may have changed and still be looked for: longer than beat is ever down.
_LOOK_BACK: Final = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Period:
    """One user's digest: everything that was held until this instant."""

    user_id: UUID
    until: datetime

    @property
    def notification_id(self) -> str:
        """The id of the digest in place of a notification's."""
        identity = self.user_id.bytes + self.until.isoformat().encode()
        return "dig_" + urlsafe_b64encode(hashlib.blake2b(identity, digest_size=12).digest()).decode()


def collect() -> int:
    """Make every digest that is due, late ones too, and call workers for them; return how many.

    Under the kill switch none is made: what comes due meanwhile goes into one mail a user after its release. A worker
    that is to stop makes no more either: the rest is as due at the next run.
    """
    reconsider()
    count = 0
    periods = _due_periods(timezone.now())
    while _may_go_on() and (some := list(islice(periods, _USERS))):
        due = _make(some)
        dispatch.wake(due)
        count += len(due)
        metrics.count(Metric.DIGESTS_MADE, len(due))
    return count


def reconsider() -> None:
    """Move what is held for users who have changed their choices since."""
    last_id = 0
    while _may_go_on() and (held := list(_held_under_old_choices(after=last_id))):
        now = timezone.now()
        known = recipients.load({delivery.user_id for delivery in held})
        for delivery in held:
            decision = decide_again(Channel.EMAIL, delivery, known.get(delivery.user_id), now)
            _move(delivery, decision, now)
        last_id = held[-1].id


def _may_go_on() -> bool:
    return not (rollout.current().is_killed or shutdown.has_begun())


def _held_under_old_choices(*, after: int) -> Iterable[Delivery]:
    held = Delivery.objects.filter(state=State.HELD, digest=None, id__gt=after)
    changed = held.filter(user__preferences_changed_at__gt=F("updated_at"))
    lately = changed.filter(user__preferences_changed_at__gt=timezone.now() - _LOOK_BACK)
    return lately.order_by("id")[:_ITEMS]


def _move(delivery: Delivery, decision: Decision, now: datetime) -> None:
    """Hold until the new time. For those who want mail at once now, one last digest is due."""
    mine = Delivery.objects.filter(id=delivery.id, state=State.HELD, digest=None)
    if decision.outcome is Outcome.SUPPRESS:
        if mine.update(state=State.SUPPRESSED, reason=decision.reason, updated_at=now):
            delivery_metrics.suppressed(delivery, decision.reason)
    else:
        mine.update(due_at=decision.until or now, updated_at=now)


def _due_periods(now: datetime) -> Iterator[Period]:
    """Return whose digests are due. What several periods left behind, because beat was down, goes into the last."""
    held = Delivery.objects.filter(state=State.HELD, digest=None, due_at__lte=now)
    users = held.values_list("user_id").annotate(until=Max("due_at")).order_by("user_id")
    for user_id, until in users.iterator(chunk_size=_USERS):
        yield Period(user_id, until)


_MAKE = """
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at)
    SELECT notification_id, 'email', user_id, 'digest', '', '', '', '', '', '', '', until, 'pending', '', until
    FROM json_to_recordset(%s) AS period (notification_id text, user_id uuid, until timestamptz)
    ON CONFLICT (notification_id, channel) DO NOTHING
    RETURNING id, user_id, due_at
"""

_GATHER = """
    UPDATE deliveries SET digest_id = made.id
    FROM json_to_recordset(%s) AS made (id bigint, user_id uuid, until timestamptz)
    WHERE deliveries.user_id = made.user_id AND state = 'held' AND digest_id IS NULL AND due_at <= made.until
"""


def _make(periods: Sequence[Period]) -> list[Due]:
    """Make the digests and give them what they gather, all or nothing."""
    rows = [
        {"notification_id": period.notification_id, "user_id": period.user_id, "until": period.until}
        for period in periods
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MAKE, [orjson.dumps(rows).decode()])
        made = [{"id": id_, "user_id": user_id, "until": until} for id_, user_id, until in cursor]
        cursor.execute(_GATHER, [orjson.dumps(made).decode()])
        _postpone({period.user_id for period in periods} - {digest["user_id"] for digest in made})
    return [Due(digest["id"], Channel.EMAIL) for digest in made]


def _postpone(user_ids: set[UUID]) -> None:
    """Hold until the next digest what was stored after its own had been made."""
    now = timezone.now()
    known = recipients.load(user_ids)
    for delivery in Delivery.objects.filter(user_id__in=user_ids, state=State.HELD, digest=None, due_at__lte=now):
        _move(delivery, decide_again(Channel.EMAIL, delivery, known.get(delivery.user_id), now), now)

"""Putting deliveries on record, in the caller's transaction, and calling workers for them after its commit."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from delivery import recipients
from delivery.gathering import Gathering
from delivery.models import Delivery, State
from delivery.recheck import decide_again
from delivery.sqs import SqsClient
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.respite import Respite
from telemetry import metrics
from telemetry.metric_catalog import Metric

logger = logging.getLogger(__name__)

#: Deliveries that one task sends. Small enough that its worst case ends before its lease (answers.LEASE).
CHUNK: Final = 50
#: What comes out of a call for a worker that SQS does not take.
CALL_ERRORS: Final = (BrokerError, BotoCoreError, ClientError, OSError)
#: A task is only a wake-up call. One that kills its worker again and again goes by itself.
TASK_RETENTION: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One notification for one outbound channel: to be sent now, or held until `due_at` for a digest."""

    notification_id: str
    channel: Channel
    user_id: UUID
    type: str
    title: str
    body: str
    actor_name: str
    resource_type: str
    resource_id: str
    resource_url: str
    resource_title: str
    occurred_at: datetime
    state: State  # HELD or PENDING
    due_at: datetime | None  # of what is held; None: now


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that a worker can be called for."""

    id: int
    channel: Channel


_RECORD = """
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at)
    SELECT notification_id, channel, user_id, type, title, body, actor_name, resource_type,
           resource_id, resource_url, resource_title, occurred_at, state, '', COALESCE(due_at, now())
    FROM json_to_recordset(%s) AS delivery
        (notification_id text, channel text, user_id uuid, type text, title text, body text, actor_name text,
         resource_type text, resource_id text, resource_url text, resource_title text, occurred_at timestamptz,
         state text, due_at timestamptz)
    ON CONFLICT (notification_id, channel) DO NOTHING
    RETURNING id, channel, state
"""


def create_queues() -> list[str]:
    """Create the queues of the workers, and return their names."""
    sqs = SqsClient(region=settings.AWS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL)
    names = [*settings.OUTBOUND_QUEUES.values(), settings.MAINTENANCE_QUEUE]
    attributes = {
        "MessageRetentionPeriod": _seconds(TASK_RETENTION),
        "VisibilityTimeout": _seconds(settings.OUTBOUND_VISIBILITY_TIMEOUT),
    }
    for name in names:
        sqs.ensure_queue(name, attributes)
    return names


def record(deliveries: Sequence[NewDelivery]) -> list[Due]:
    """Put the deliveries on record, each once, and return those that are due now."""
    if not deliveries:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [orjson.dumps(deliveries).decode()])
        return [Due(id_, Channel(channel)) for id_, channel, state in cursor.fetchall() if state == State.PENDING]


#: While SQS is away events come over HTTP; no batch of theirs shall wait for the timeout of a call that nobody hears.
_respite: Final = Respite(seconds=10.0)
#: Where calls wait for company, by channel; empty in every process that does not gather.
_gatherings: Final[dict[Channel, Gathering]] = {}


def wake(due: Iterable[Due]) -> None:
    """Call workers, one task a chunk and channel: at once, or within a moment while this process gathers.

    Where SQS takes no call the next sweep repeats it.
    """
    by_channel: dict[Channel, list[int]] = defaultdict(list)
    for delivery in due:
        by_channel[delivery.channel].append(delivery.id)
    for channel, ids in by_channel.items():
        if gathering := _gatherings.get(channel):
            gathering.add(ids)
        else:
            _call_for(channel, ids)


@contextmanager
def gathered_calls() -> Iterator[None]:
    """Have what this process calls for meanwhile gathered; in the end, what still waits is called for."""
    for channel in map(Channel, settings.OUTBOUND_QUEUES):
        _gatherings[channel] = Gathering(partial(_call_for, channel), name=f"calls-{channel}", chunk=CHUNK)
    try:
        yield
    finally:
        gatherings = list(_gatherings.values())
        _gatherings.clear()
        for gathering in gatherings:
            gathering.close()


def _call_for(channel: Channel, ids: Sequence[int]) -> None:
    uncalled = [id_ for chunk in _chunks(ids) if not _call(channel, chunk) for id_ in chunk]
    if uncalled:  # as if their turn had come since the last call
        Delivery.objects.filter(id__in=uncalled).update(woken_at=F("due_at") - timedelta(microseconds=1))


def _call(channel: Channel, chunk: Sequence[int]) -> bool:
    """Call a worker for the chunk, unless SQS is left alone just now; return whether SQS took the call."""
    if _respite.lasts:
        return False
    try:
        current_app.send_task("delivery.attempt", [channel.value, chunk], queue=settings.OUTBOUND_QUEUES[channel])
    except CALL_ERRORS as error:
        logger.warning("no worker called", extra={"channel": channel, "error": type(error).__name__})
        metrics.count(Metric.WORKERS_NOT_CALLED, channel=channel)
        _respite.begin()
        return False
    return True


#: States that a delivery keeps when its notification is read: the attempt that comes decides, or has.
_MARKED: Final = (State.PENDING, State.SENDING, State.FAILED)


def cancel(notification_ids: Collection[str]) -> None:
    """Take back what still waits of these notifications, since they were read.

    What a worker has in hand, what one of several phones has already, or what failed, is marked, so that no later
    attempt and no retry sends it.
    """
    of_these = Delivery.objects.filter(notification_id__in=notification_ids)
    waiting = of_these.filter(state__in=[State.HELD, State.PENDING], devices={})
    waiting.update(state=State.SUPPRESSED, reason=Reason.ALREADY_READ, updated_at=timezone.now())
    of_these.filter(state__in=_MARKED).update(reason=Reason.ALREADY_READ)


def restore(notification_ids: Collection[str]) -> None:
    """Take `cancel` back, since they are unread again. What is too old by now is found so before it is sent.

    Whether a mail is held is decided anew: where it stood before it was read is not on record.
    """
    with transaction.atomic():
        cancelled = Delivery.objects.filter(notification_id__in=notification_ids, reason=Reason.ALREADY_READ)
        cancelled.filter(state__in=[*_MARKED, State.HELD]).update(reason="")
        back = cancelled.filter(state=State.SUPPRESSED)
        _give_back_to_digests(back)
        alone = back.filter(digest=None)
        _hold_again(alone.filter(channel=Channel.EMAIL))
        now = timezone.now()  # from a digest's time too: whoever wants none any more does not wait for it
        alone.update(state=State.PENDING, reason="", due_at=now, updated_at=now)


def _give_back_to_digests(back: QuerySet[Delivery]) -> None:
    """Have them go out with the digest that gathered them, unless a worker has begun with it, or is done."""
    digests = Delivery.objects.filter(id__in=back.exclude(digest=None).values("digest_id"), state=State.PENDING)
    waiting = list(digests.select_for_update(no_key=True).values_list("id", flat=True))
    if waiting:
        back.filter(digest__in=waiting).update(state=State.HELD, reason="", updated_at=timezone.now())


def _hold_again(mails: QuerySet[Delivery]) -> None:
    """Hold those of the mails that go into a digest by now."""
    until: dict[datetime, list[int]] = defaultdict(list)
    now, some = timezone.now(), list(mails)
    known = recipients.load({mail.user_id for mail in some})
    for mail in some:
        mail.reason = ""  # as it will be
        decision = decide_again(Channel.EMAIL, mail, known.get(mail.user_id), now)
        if decision.until is not None:
            until[decision.until].append(mail.id)
    for due_at, ids in until.items():
        mails.filter(id__in=ids).update(state=State.HELD, reason="", due_at=due_at, updated_at=now)


def _seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]

"""One attempt at a chunk of deliveries: claim, check again, send, record. The only caller of a transport.

A claim is a conditional update with a lease, so two live workers never hold one row. No transaction is open while
a provider is asked. The only possible repeat is a crash between the provider's answer and our record of it: then
the lease runs out and the delivery is sent again (spec §6).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from operator import attrgetter
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from delivery import backoff, lanes
from delivery.errors import PermanentFailure, ProviderDown, SendFailure, Throttled, TransientFailure
from delivery.models import Delivery, State
from delivery.recheck import recheck
from delivery.transports.contract import Result, Transport
from preferences import rollout
from preferences.catalog import Channel
from preferences.decisions import Decision

#: Longer than a chunk of 50 takes when every send waits for its full timeout of 10 s.
LEASE: Final = timedelta(minutes=10)
#: Failures of its own after which a delivery is given up. Outages and throttles do not count.
MAX_ATTEMPTS: Final[Mapping[Channel, int]] = {Channel.EMAIL: 8, Channel.PUSH: 5}
_THROTTLE_PAUSE: Final = timedelta(seconds=2)

_SETTLED: Final = frozenset({State.SENT, State.FAILED, State.SUPPRESSED})

_CLAIM = """
    UPDATE deliveries
    SET state = 'sending', attempts = attempts + 1,
        lease_until = statement_timestamp() + %(lease)s, updated_at = statement_timestamp()
    WHERE id IN (
        SELECT id FROM deliveries
        WHERE id = ANY(%(ids)s) AND channel = %(channel)s AND state = 'pending' AND due_at <= statement_timestamp()
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    RETURNING *
"""


def attempt(channel: Channel, ids: Collection[int], transport: Callable[[], Transport]) -> None:
    """Send what is due among these deliveries, and record what became of each. Safe to run twice."""
    if not _may_send(channel):
        return
    claimed = _claim(channel, ids)
    unanswered = {delivery.id: delivery for delivery in claimed}
    try:
        checked = recheck(channel, claimed)
        for delivery, decision in checked.changed:
            _change(delivery, decision)
            unanswered.pop(delivery.id, None)
        for result in transport().send(checked.ready):
            unanswered.pop(result.outgoing.delivery.id)
            _settle(channel, result)
            if not _may_send(channel):
                break
    finally:
        _release(unanswered.values())


def _may_send(channel: Channel) -> bool:
    return not rollout.current().is_killed and not lanes.is_blocked(channel)


def _claim(channel: Channel, ids: Collection[int]) -> list[Delivery]:
    values = {"ids": list(ids), "channel": channel.value, "lease": LEASE}
    return sorted(Delivery.objects.raw(_CLAIM, values), key=attrgetter("due_at", "id"))


def _change(delivery: Delivery, decision: Decision) -> None:
    """Record that the delivery is not wanted any more, or wanted later."""
    if decision.until is not None:
        _record(delivery, state=State.HELD, due_at=decision.until)
    else:
        _record(delivery, state=State.SUPPRESSED, reason=decision.reason)


def _settle(channel: Channel, result: Result) -> None:
    """Record the provider's answer, and let the lane know."""
    delivery = result.outgoing.delivery
    match result.answer:
        case str(provider_id):
            _record(delivery, state=State.SENT, provider_id=provider_id)
            lanes.report_success(channel)
        case PermanentFailure() as failure:
            _record(delivery, state=State.FAILED, provider_error=failure.code)
        case Throttled() as failure:
            pause = failure.retry_after or _THROTTLE_PAUSE
            lanes.pause(channel, pause)
            _wait(delivery, failure, pause)
        case ProviderDown() as failure:
            lanes.report_outage(channel)
            _wait(delivery, failure, failure.retry_after or lanes.PROBE)
        case TransientFailure() as failure:
            _retry(channel, delivery, failure)
        case failure:
            raise AssertionError(f"no rule for {failure!r}")


def _wait(delivery: Delivery, failure: SendFailure, pause: timedelta) -> None:
    """Wait for the provider, which uses up no attempt."""
    due_at = timezone.now() + pause
    _record(delivery, state=State.PENDING, due_at=due_at, attempts=delivery.attempts - 1, provider_error=failure.code)


def _retry(channel: Channel, delivery: Delivery, failure: TransientFailure) -> None:
    if delivery.attempts >= MAX_ATTEMPTS[channel]:
        _record(delivery, state=State.FAILED, provider_error=failure.code)
        return
    due_at = timezone.now() + backoff.delay(delivery.attempts, retry_after=failure.retry_after)
    _record(delivery, state=State.PENDING, due_at=due_at, provider_error=failure.code)


def _release(deliveries: Iterable[Delivery]) -> None:
    """Give back what was claimed and never tried."""
    for delivery in deliveries:
        _record(delivery, state=State.PENDING, attempts=delivery.attempts - 1)


def _record(delivery: Delivery, *, state: State, **changes: Any) -> None:
    """Write what became of a delivery and of what it gathers, unless its lease ran out and another has it now."""
    now = timezone.now()
    with transaction.atomic():
        mine = Delivery.objects.filter(id=delivery.id, state=delivery.state, attempts=delivery.attempts)
        if mine.update(state=state, lease_until=None, updated_at=now, **changes) and state in _SETTLED:
            gathered = Delivery.objects.filter(digest_id=delivery.id, state=State.HELD)
            gathered.update(state=state, reason=changes.get("reason", ""), updated_at=now)

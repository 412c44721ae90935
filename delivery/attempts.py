"""One attempt at a chunk of deliveries: claim, check again, send, record. The only caller of a transport.

A claim is a conditional update with a lease, so two live workers never hold one row. No transaction is open while
a provider is asked. The only possible repeat is a crash between the provider's answer and our record of it: then
the lease runs out and the delivery is sent again (spec §6).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from delivery import delivery_log, delivery_metrics, lanes, outcomes, shutdown
from delivery.errors import DeadToken, ProviderDown, Throttled
from delivery.models import Delivery, State
from delivery.recheck import recheck, too_old
from delivery.transports.contract import Outgoing, Result, Transport
from preferences import push_tokens, rollout
from preferences.catalog import Channel
from preferences.decisions import Decision

logger = logging.getLogger(__name__)

#: Longer than a chunk of 50 takes when every send waits for its full timeout of 10 s.
LEASE: Final = timedelta(minutes=10)
_LAST_MINUTE: Final = timedelta(minutes=1)  # of the lease, for what is under way
_DATABASE_PAUSE_SECONDS: Final = 1.0
_SETTLED: Final = frozenset({State.SENT, State.FAILED, State.SUPPRESSED})

# An array, since PostgreSQL may run a subquery behind IN once a row, and each time choose others.
_CLAIM = """
    UPDATE deliveries
    SET state = 'sending', attempts = attempts + 1,
        lease_until = statement_timestamp() + %(lease)s, updated_at = statement_timestamp()
    WHERE id = ANY(ARRAY(
        SELECT id FROM deliveries
        WHERE id = ANY(%(ids)s) AND channel = %(channel)s AND state = 'pending' AND due_at <= statement_timestamp()
        ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING *
"""


def attempt(channel: Channel, ids: Collection[int], transport: Callable[[], Transport]) -> None:
    """Send what is due among these deliveries, and record what became of each. Safe to run twice."""
    if rollout.current().is_killed or shutdown.has_begun():
        _postpone(channel, ids)  # the call is used up: the sweeper repeats it as soon as it may
        return
    until = time.monotonic() + (LEASE - _LAST_MINUTE).total_seconds()
    claimed = _take(channel, ids)
    asked = {delivery.id: Asked(delivery) for delivery in claimed}
    try:
        _postpone(channel, set(ids) - asked.keys())
        checked = recheck(channel, claimed)
        for delivery, decision in checked.changed:
            _change(delivery, decision)
            asked.pop(delivery.id, None)
        missing = Counter(outgoing.delivery.id for outgoing in checked.ready)
        for entry in asked.values():
            entry.outstanding = missing[entry.delivery.id]
        for result in _send(checked.ready, transport(), until=until):
            entry = asked[result.outgoing.delivery.id]
            entry.take(result)
            if entry.outstanding == 0:
                _settle(asked.pop(entry.delivery.id))
    finally:
        for entry in asked.values():
            _settle(entry)


def _send(ready: Sequence[Outgoing], transport: Transport, *, until: float) -> Iterator[Result]:
    """Send lane by lane; into a lane that closes on the way nothing more goes, and nowhere when the lease is to end.

    What is under way then may have arrived: its answers are waited for, or it would be sent again.
    """
    for lane, chunk in groupby(sorted(ready, key=_lane_of), key=_lane_of):
        for result in transport.send(_while_open(lane, chunk, until=until)):
            _tell(lane, result)
            yield result


def _while_open(lane: str, chunk: Iterable[Outgoing], *, until: float) -> Iterator[Outgoing]:
    """Yield one after the other until the lane closes, the worker is to stop, or `until` (monotonic) has come."""
    for outgoing in list(chunk):
        if shutdown.has_begun() or time.monotonic() > until or not _may_send(lane):
            return
        yield outgoing


def _lane_of(outgoing: Outgoing) -> str:
    channel, device = outgoing.delivery.channel, outgoing.device
    return f"{channel}:{device.platform}" if device else channel


def _may_send(lane: str) -> bool:
    """Whether the switch and the lane let more go; without PostgreSQL nobody knows, and the switch may be on."""
    try:
        return not rollout.current().is_killed and not lanes.is_blocked(lane)
    except (OperationalError, InterfaceError):
        connection.close()
        return False


@dataclass(slots=True)
class Asked:
    """A delivery that is being sent: the answers so far, and how many are missing."""

    delivery: Delivery
    outstanding: int | None = None  # None: nobody was asked yet
    results: list[Result] = field(default_factory=list)

    def take(self, result: Result) -> None:
        """Note one answer."""
        assert self.outstanding
        self.results.append(result)
        self.outstanding -= 1


def _take(channel: Channel, ids: Collection[int]) -> list[Delivery]:
    """Claim what the lane has room for, and what is too old: no provider hears of that, so it takes no room.

    Else the first hours of a backlog, all stale, would keep what is new from the lane (spec §7, release).
    """
    stale = too_old(channel, ids)
    others = set(ids) - stale
    room = 0 if lanes.is_blocked(channel) else lanes.grant(channel, len(others))
    return [*_claim(channel, stale, len(stale)), *_claim(channel, others, room)]


def _claim(channel: Channel, ids: Collection[int], limit: int) -> list[Delivery]:
    if not limit:
        return []
    values = {"ids": list(ids), "channel": channel.value, "lease": LEASE, "limit": limit}
    return sorted(Delivery.objects.raw(_CLAIM, values), key=attrgetter("due_at", "id"))


def _postpone(channel: Channel, ids: Collection[int]) -> None:
    """Have workers called again for what the lane has no room for, when it has."""
    now = timezone.now()
    due = Delivery.objects.filter(id__in=ids, channel=channel, state=State.PENDING, due_at__lte=now)
    if count := due.count() if ids else 0:
        pause = lanes.PROBE if lanes.is_blocked(channel) else timedelta()
        due.update(due_at=now + max(pause, lanes.turn(channel, count)))


def _change(delivery: Delivery, decision: Decision) -> None:
    """Record that the delivery is not wanted any more, or wanted later."""
    if outcomes.ACCEPTED in delivery.devices.values():  # one phone has it: it was sent, if to no other any more
        _settle(Asked(delivery, outstanding=0))
    elif decision.until is not None:
        _record(delivery, state=State.HELD, due_at=decision.until)
    elif _record(delivery, state=State.SUPPRESSED, reason=decision.reason):
        delivery_metrics.suppressed(delivery, decision.reason)
        delivery_log.suppressed(delivery, decision.reason)


def _settle(asked: Asked) -> None:
    """Record what the answers make of the delivery; one that was not asked at all goes back as it was."""
    now = timezone.now()
    pause = timedelta() if shutdown.has_begun() else outcomes.OUTAGE_PAUSE  # another worker may have it at once
    change = outcomes.conclude(asked.delivery, asked.results, is_complete=asked.outstanding == 0, now=now, pause=pause)
    if not _record(asked.delivery, state=change.state, **change.columns):
        return
    delivery_log.settled(asked.delivery, change)
    if change.state is State.SENT:
        delivery_metrics.sent(asked.delivery, at=now)
    elif change.state is State.FAILED:
        delivery_metrics.failed(asked.delivery, asked.results)


def _tell(lane: str, result: Result) -> None:
    """Let the lane know how its provider is, and the user's devices which of them is gone."""
    match result.answer:
        case str():
            lanes.report_success(lane)
        case Throttled() as failure:
            lanes.pause(lane, outcomes.pause_of(failure))
        case ProviderDown():
            lanes.report_outage(lane)
        case DeadToken() as failure if (device := result.outgoing.device) is not None:
            _patiently(partial(push_tokens.prune, result.outgoing.user.id, device.token, since=failure.since))


def _record(delivery: Delivery, *, state: State, **changes: Any) -> bool:
    """Write what became of a delivery: what is not on record is sent again. False when it is another's by now."""
    return _patiently(partial(_write, delivery, state, changes))


def _patiently(write: Callable[[], bool]) -> bool:
    """Write, however long PostgreSQL is away, up to a lease: who raises loses the answers that are under way."""
    patience_ends = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("answer waits for the database", extra={"error": type(error).__name__})
            connection.close()
            if time.monotonic() > patience_ends:
                raise
            time.sleep(_DATABASE_PAUSE_SECONDS)


def _write(delivery: Delivery, state: State, changes: Mapping[str, Any]) -> bool:
    """Record state and changes, also of what it gathers, unless its lease ran out and another has it now.

    That it was read meanwhile (dispatch.cancel) stays on record unless it was sent: a retry goes by it.
    """
    columns = {"reason": "", **changes} if state == State.SENT else dict(changes)
    now = timezone.now()
    mine = Delivery.objects.filter(id=delivery.id, state=delivery.state, attempts=delivery.attempts)
    if not delivery.is_digest or state not in _SETTLED:
        return bool(mine.update(state=state, lease_until=None, updated_at=now, **columns))
    with transaction.atomic():
        if is_mine := bool(mine.update(state=state, lease_until=None, updated_at=now, **columns)):
            gathered = Delivery.objects.filter(digest_id=delivery.id, state=State.HELD)
            shared = {"reason": columns.get("reason", ""), "sent_at": columns.get("sent_at")}
            gathered.update(state=state, updated_at=now, **shared)
    return is_mine

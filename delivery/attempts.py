"""One attempt at a chunk of deliveries: claim, check again, send, record. The only caller of a transport.

A claim is a conditional update with a lease, so two live workers never hold one row. No transaction is open while
a provider is asked. The only possible repeat is a crash between the provider's answer and our record of it
(delivery/answers.py): then the lease runs out and the delivery is sent again (spec §6).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final

from django.utils import timezone

from delivery import lanes, outcomes, shutdown
from delivery.answers import LEASE, Answers, Outcome, patiently
from delivery.errors import DeadToken
from delivery.gates import Gate
from delivery.models import Delivery, State
from delivery.outcomes import Change
from delivery.recheck import Refused, recheck, too_old
from delivery.transports.contract import Outgoing, Result, Transport
from preferences import push_tokens, rollout
from preferences.catalog import Channel

_LAST_MINUTE: Final = timedelta(minutes=1)  # of the lease, for what is under way

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
    answers = Answers(channel)
    try:
        _postpone(channel, set(ids) - asked.keys())
        for lost in filter(outcomes.is_lost, claimed):
            answers.add(_loss(lost))
            del asked[lost.id]
        checked = recheck(channel, [entry.delivery for entry in asked.values()])
        for refused in checked.changed:
            answers.add(_refusal(refused))
            asked.pop(refused[0].id, None)
        missing = Counter(outgoing.delivery.id for outgoing in checked.ready)
        for entry in asked.values():
            entry.outstanding = missing[entry.delivery.id]
        for result in _send(checked.ready, transport(), answers, until=until):
            entry = asked[result.outgoing.delivery.id]
            entry.take(result)
            if entry.outstanding == 0:
                answers.add(_conclusion(asked.pop(entry.delivery.id)))
    finally:
        for entry in asked.values():
            answers.add(_conclusion(entry))
        answers.flush()


def _send(ready: Sequence[Outgoing], transport: Transport, answers: Answers, *, until: float) -> Iterator[Result]:
    """Send lane by lane; into a lane that closes on the way nothing more goes, and nowhere when the lease is to end.

    What is under way then may have arrived: its answers are waited for, or it would be sent again. What is not on
    record yet does not wait for a provider that is slow.
    """
    for lane, chunk in groupby(sorted(ready, key=_lane_of), key=_lane_of):
        gate = Gate(lane)
        for result in transport.send(_while_open(gate, chunk, answers, until=until)):
            if result is not None:
                gate.hear(result)
                _bury(result)
                yield result
            answers.flush_when_due()


def _while_open(gate: Gate, chunk: Iterable[Outgoing], answers: Answers, *, until: float) -> Iterator[Outgoing]:
    """Yield one after the other until the lane closes, the worker is to stop, or `until` (monotonic) has come."""
    for outgoing in list(chunk):
        answers.flush_when_due()
        if shutdown.has_begun() or time.monotonic() > until or not gate.lets_pass():
            return
        yield outgoing


def _lane_of(outgoing: Outgoing) -> str:
    channel, device = outgoing.delivery.channel, outgoing.device
    return f"{channel}:{device.platform}" if device else channel


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


def _refusal(refused: Refused) -> Outcome:
    """Return that the delivery is not wanted any more, or wanted later."""
    delivery, decision = refused
    if outcomes.ACCEPTED in delivery.devices.values():  # one phone has it: it was sent, if to no other any more
        return _conclusion(Asked(delivery, outstanding=0))
    if decision.until is not None:
        return Outcome(delivery, Change(State.HELD, {"due_at": decision.until}), timezone.now())
    return Outcome(delivery, Change(State.SUPPRESSED, {"reason": decision.reason}), timezone.now())


def _loss(delivery: Delivery) -> Outcome:
    """Return that nobody tries any more. A push that one of several phones has was sent."""
    state = State.SENT if outcomes.ACCEPTED in delivery.devices.values() else State.FAILED
    return Outcome(delivery, Change(state, {"provider_error": outcomes.WORKER_LOST}), timezone.now())


def _conclusion(asked: Asked) -> Outcome:
    """Return what the answers make of the delivery; one that was not asked at all goes back as it was."""
    now = timezone.now()
    pause = timedelta() if shutdown.has_begun() else outcomes.OUTAGE_PAUSE  # another worker may have it at once
    change = outcomes.conclude(asked.delivery, asked.results, is_complete=asked.outstanding == 0, now=now, pause=pause)
    return Outcome(asked.delivery, change, now, asked.results)


def _bury(result: Result) -> None:
    """Have the user forget a device that is gone by its provider's word."""
    answer, device = result.answer, result.outgoing.device
    if isinstance(answer, DeadToken) and device is not None:
        patiently(partial(push_tokens.prune, result.outgoing.user.id, device.token, since=answer.since))

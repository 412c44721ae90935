"""What becomes of a delivery, given its providers' answers: pure.

A mail has one answer. A push has one for each of the user's devices: it counts as sent when one of them accepted, and
is tried again only at those that have no final answer (spec §6 "Push").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from delivery import backoff
from delivery.errors import ProviderDown, SendFailure, Throttled, TransientFailure, storable
from delivery.models import Delivery, State
from delivery.transports.contract import Result
from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel

#: How long to wait where the provider names no time.
THROTTLE_PAUSE: Final = timedelta(seconds=2)
OUTAGE_PAUSE: Final = timedelta(seconds=10)

ACCEPTED: Final = "accepted"
#: In place of a provider's code: as many workers took it as may try, and none came back with an answer.
WORKER_LOST: Final = "worker_lost"
_LONGEST_ID: Final = 200  # deliveries.provider_id


@dataclass(frozen=True, slots=True)
class Change:
    """What to record: the state, and the other columns by name."""

    state: State
    columns: Mapping[str, Any]


def conclude(
    delivery: Delivery, results: Sequence[Result], *, is_complete: bool, now: datetime, pause: timedelta = OUTAGE_PAUSE
) -> Change:
    """Return what to record after one attempt; `is_complete` unless some of its devices were not asked.

    `pause` is how long it then waits, if nothing else says so.
    """
    devices = {**delivery.devices, **_device_answers(results)}
    failures = [result.answer for result in results if isinstance(result.answer, SendFailure)]
    was_accepted = ACCEPTED in devices.values() or any(isinstance(result.answer, str) for result in results)
    columns: dict[str, Any] = {"devices": devices, **_provider_columns(results, failures)}
    if was_accepted:
        columns["sent_at"] = delivery.sent_at or now  # also while other devices are still to be asked
    passing = [failure for failure in failures if isinstance(failure, TransientFailure)]
    is_own = any(not isinstance(failure, Throttled | ProviderDown) for failure in passing)
    if (passing or not is_complete) and not (is_own and _is_exhausted(delivery)):
        attempts = delivery.attempts if is_own else delivery.attempts - 1
        return Change(State.PENDING, {**columns, "attempts": attempts, "due_at": now + _wait(delivery, passing, pause)})
    return Change(State.SENT if was_accepted else State.FAILED, columns)


def is_lost(delivery: Delivery) -> bool:
    """Whether a claimed delivery has used up its attempts without an answer to the last of them.

    What kills the worker that sends it, or keeps it beyond its lease, would do so for ever.
    """
    return delivery.attempts > _most_attempts(delivery)


def is_final(answer: str | SendFailure) -> bool:
    """Whether asking again would be wrong."""
    return not isinstance(answer, TransientFailure)


def pause_of(failure: TransientFailure) -> timedelta:
    """Return how long the provider is left alone after a throttle or an outage."""
    return failure.retry_after or (THROTTLE_PAUSE if isinstance(failure, Throttled) else OUTAGE_PAUSE)


def _is_exhausted(delivery: Delivery) -> bool:
    return delivery.attempts >= _most_attempts(delivery)


def _most_attempts(delivery: Delivery) -> int:
    return OUTBOUND[Channel(delivery.channel)].max_attempts


def _device_answers(results: Sequence[Result]) -> dict[str, str]:
    """Return the final answers by device."""
    return {
        result.outgoing.device.device_id: ACCEPTED if isinstance(result.answer, str) else result.answer.code
        for result in results
        if result.outgoing.device is not None and is_final(result.answer)
    }


def _provider_columns(results: Sequence[Result], failures: Sequence[SendFailure]) -> dict[str, str]:
    columns = {}
    message_ids = [result.answer for result in results if isinstance(result.answer, str)]
    if message_ids:
        columns["provider_id"] = storable(message_ids[0], _LONGEST_ID)
    if failures:
        columns["provider_error"] = failures[0].code
    return columns


def _wait(delivery: Delivery, failures: Sequence[TransientFailure], pause: timedelta) -> timedelta:
    """Return the longest of the waits; `pause` when the attempt was interrupted."""
    return max((_wait_after(delivery, failure) for failure in failures), default=pause)


def _wait_after(delivery: Delivery, failure: TransientFailure) -> timedelta:
    if isinstance(failure, Throttled | ProviderDown):
        return pause_of(failure)
    return backoff.delay(delivery.attempts, retry_after=failure.retry_after)

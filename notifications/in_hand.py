"""The messages that an intake has in hand: how large they are together, and which must soon be kept for longer."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from django.conf import settings

from notifications.event_queue import Received

_MOST_BYTES: Final = 64 * 1024 * 1024  # of bodies, whatever their number


class InHand:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keep_at: dict[str, float] = {}  # by receipt, on the monotonic clock
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether to receive no more for the moment."""
        return self._bytes > _MOST_BYTES

    def take(self, messages: Sequence[Received]) -> None:
        """Count messages that have just been received."""
        with self._lock:
            self._bytes += _size(messages)
            self._put_off(message.receipt for message in messages)

    def let_go(self, messages: Sequence[Received]) -> None:
        """Forget messages that were deleted or put back."""
        with self._lock:
            self._bytes -= _size(messages)
            for message in messages:
                self._keep_at.pop(message.receipt, None)

    def due(self) -> list[str]:
        """Return the receipts of what will come again soon unless it is kept."""
        with self._lock:
            now = time.monotonic()
            return [receipt for receipt, keep_at in self._keep_at.items() if keep_at <= now]

    def kept(self, receipts: Iterable[str]) -> None:
        """Note for how long messages are ours again, as far as they were not let go meanwhile."""
        with self._lock:
            self._put_off(receipt for receipt in receipts if receipt in self._keep_at)

    def _put_off(self, receipts: Iterable[str]) -> None:
        self._keep_at.update(dict.fromkeys(receipts, time.monotonic() + keeping_seconds()))


def keeping_seconds() -> float:
    """Return after how long a message is kept again: early enough for a second try, and a third."""
    return float(settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds() / 3)


def _size(messages: Iterable[Received]) -> int:
    return sum(len(message.body) for message in messages)

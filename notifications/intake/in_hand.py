"""The messages that an intake has in hand: from their receipt until they are deleted, or put back for others."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError

from notifications.event_queue import Received
from notifications.intake.queues import QUEUE_ERRORS, Queue
from preferences.outages import drop_connection

logger = logging.getLogger(__name__)

_MOST_BYTES: Final = 64 * 1024 * 1024  # of bodies, whatever their number


class InHand:
    """What was received from one queue and is not settled yet; safe to share between threads.

    When the queue does not take a call, its messages come again, which the ledger makes harmless.
    """

    def __init__(self, events: Queue) -> None:
        self._events = events
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

    def delete(self, messages: Sequence[Received]) -> None:
        """Let go of messages that were processed."""
        self._let_go(messages, self._events.delete)

    def put_back(self, messages: Sequence[Received]) -> None:
        """Let go of messages that others may have at once."""
        self._let_go(messages, self._events.put_back)

    def keep_due(self) -> None:
        """Hide for another timeout what would come again soon: PostgreSQL is away, or a batch is large."""
        if not (due := self._due()):
            return
        try:
            self._events.keep(due)
        except QUEUE_ERRORS as error:
            _warn(error, messages=len(due))
        else:
            self._kept(due)

    def _let_go(self, messages: Sequence[Received], dispose: Callable[[list[str]], int]) -> None:
        receipts = [message.receipt for message in messages]
        try:
            if refused := dispose(receipts):
                logger.warning("messages will come again", extra={"messages": refused})
        except QUEUE_ERRORS as error:
            _warn(error, messages=len(receipts))
        with self._lock:
            self._bytes -= _size(messages)
            for receipt in receipts:
                self._keep_at.pop(receipt, None)

    def _due(self) -> list[str]:
        with self._lock:
            now = time.monotonic()
            return [receipt for receipt, keep_at in self._keep_at.items() if keep_at <= now]

    def _kept(self, receipts: Iterable[str]) -> None:
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


def _warn(error: Exception, *, messages: int) -> None:
    """Say that the queue did not take a call, and give up a connection to PostgreSQL that may be broken by that."""
    logger.warning("messages may come again", extra={"error": type(error).__name__, "messages": messages})
    if isinstance(error, DatabaseError):
        drop_connection()

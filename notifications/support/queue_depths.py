"""How queues are, asked of all at once: SQS that does not answer costs one patience, not one a queue."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import cache
from threading import Lock
from typing import Final, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from notifications.event_queue import Depth, EventQueue

PATIENCE: Final = timedelta(seconds=2)
_THREADS: Final = 8  # more than there are queues
Answer = TypeVar("Answer")


class Question:
    """Questions about all queues, under way; others may ask something else meanwhile."""

    def __init__(self, names: Sequence[str]) -> None:
        self._until = time.monotonic() + PATIENCE.total_seconds()
        self._looks = {name: _probe(name).begin() for name in names}

    def answers(self) -> Mapping[str, Depth | None]:
        """Return the depths by name, None where nobody can say: SQS is away, silent, or has no such queue."""
        wait(self._looks.values(), timeout=max(self._until - time.monotonic(), 0))
        return {name: look.result() if look.done() else None for name, look in self._looks.items()}


class RetentionQuestion:
    """The question how long a queue keeps its messages, under way."""

    def __init__(self, name: str) -> None:
        self._until = time.monotonic() + PATIENCE.total_seconds()
        self._look = _retention_probe(name).begin()

    def answer(self) -> timedelta | None:
        """Return how long, None where nobody can say."""
        wait([self._look], timeout=max(self._until - time.monotonic(), 0))
        return self._look.result() if self._look.done() else None


class _Probe(Generic[Answer]):
    """One look at a queue at a time, however many ask: a silent SQS does not gather waiting threads."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._looking: Future[Answer | None] | None = None

    def begin(self) -> "Future[Answer | None]":
        with self._lock:
            if self._looking is None or self._looking.done():
                self._looking = _threads().submit(self._look)
            return self._looking

    def _look(self) -> Answer | None:
        try:
            return self._ask()
        except (BotoCoreError, ClientError):
            return None


@cache
def _probe(name: str) -> _Probe[Depth]:
    return _Probe(EventQueue(name).depth)


@cache
def _retention_probe(name: str) -> _Probe[timedelta]:
    return _Probe(EventQueue(name).retention)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="queue-depths")

"""The latest answers, each until its time."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class AnswerCache(Generic[T]):
    """At most `most` answers; beyond that the one longest unused is dropped. Threads that share it need a lock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, tuple[T, float]] = OrderedDict()

    def get(self, key: bytes) -> T | None:
        """Return the answer, unless its time is over."""
        answer, until = self._kept.get(key, (None, 0.0))
        if answer is None:
            return None
        if until <= time.monotonic():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return answer

    def put(self, key: bytes, answer: T, *, until: float) -> None:
        """Keep the answer `until` then, in monotonic seconds."""
        self._kept[key] = (answer, until)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

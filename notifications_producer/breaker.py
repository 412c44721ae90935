"""Stops asking what does not answer: a circuit breaker."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after some failures in a row; then lets one try through every `seconds`, until one succeeds.

    Safe to share between threads. A try whose outcome nobody reports holds up nothing: the next one is due as usual.
    """

    def __init__(
        self, *, failures: int = 3, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._opens_after = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether tries are being held back."""
        return self._failures >= self._opens_after

    def allows(self) -> bool:
        """Whether to try now. While open, a yes is for one try alone."""
        with self._lock:
            if not self.is_open:
                return True
            now = self._clock()
            if now < self._next_try_at:
                return False
            self._next_try_at = now + self._seconds
            return True

    def succeeded(self) -> None:
        """Report that a try was answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Report that a try was not answered."""
        with self._lock:
            self._failures += 1
            self._next_try_at = self._clock() + self._seconds

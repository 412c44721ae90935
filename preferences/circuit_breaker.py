"""Leaves alone what does not answer. The producers' client has one of its own, since it stands alone."""

import threading
import time
from typing import Final

_OPENS_AFTER: Final = 5  # failures in a row
_PAUSE_SECONDS: Final = 5.0


class CircuitBreaker:
    """Opens after some failures in a row; then one call every `pause` seconds probes, until one is answered.

    Safe to share between threads. Callers ask `allows` first, and report to `failed` or `succeeded` afterwards; a
    probe that nobody reports holds up nothing.
    """

    def __init__(self, *, opens_after: int = _OPENS_AFTER, pause: float = _PAUSE_SECONDS) -> None:
        self._opens_after = opens_after
        self._pause = pause
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe_at = 0.0

    def allows(self) -> bool:
        """Whether to call now. While the breaker is open, a yes is for one call alone."""
        with self._lock:
            if self._failures < self._opens_after:
                return True
            now = time.monotonic()
            if now < self._next_probe_at:
                return False
            self._next_probe_at = now + self._pause
            return True

    def failed(self) -> bool:
        """A call was not answered; whether that has just opened the breaker."""
        with self._lock:
            self._failures += 1
            self._next_probe_at = time.monotonic() + self._pause
            return self._failures == self._opens_after

    def succeeded(self) -> bool:
        """A call was answered; whether that has just closed the breaker."""
        with self._lock:
            was_open = self._failures >= self._opens_after
            self._failures = 0
            return was_open

"""Leaving alone for a while what has just failed."""

import time


class Respite:
    """Begins with a failure: else everybody would wait for a timeout of their own, one after the other."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = 0.0

    @property
    def lasts(self) -> bool:
        """Whether to do without it just now."""
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        """It has failed."""
        self._ends_at = time.monotonic() + self._seconds

    def end(self) -> None:
        """Ask again at once."""
        self._ends_at = 0.0

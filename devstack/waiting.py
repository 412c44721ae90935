"""Waiting for a condition that nobody announces."""

import time
from collections.abc import Callable

_BETWEEN_LOOKS = 0.02  # seconds


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look until `condition` holds; False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_BETWEEN_LOOKS)
    return True

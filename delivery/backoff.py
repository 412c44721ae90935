"""When to try again: pure."""

import random
from datetime import timedelta
from typing import Final

BASE: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=15)


def delay(attempts: int, *, retry_after: timedelta | None = None, chance: float | None = None) -> timedelta:
    """Return how long to wait after so many attempts: doubling, with jitter, and never less than the provider asks.

    `chance` (0 to 1) stands in for the dice.
    """
    dice = random.random() if chance is None else chance  # nosec B311 # noqa: S311 - spreads load, guards nothing
    doubled: timedelta = BASE * 2 ** min(attempts - 1, 16)
    spread = min(doubled, LONGEST) * (0.5 + dice / 2)
    return max(spread, retry_after) if retry_after else spread

"""The number on the icon of a phone.

How many a user has not read is known above delivery. The function that counts is handed down at start-up
(`notifications/apps.py`), the one place where the house turns its direction round.
"""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

Counter = Callable[[Collection[UUID]], Mapping[UUID, int]]


def _nobody_counts(_: Collection[UUID]) -> Mapping[UUID, int]:
    raise LookupError("no counter was installed")


_count: Counter = _nobody_counts


def install(counter: Counter) -> None:
    """Count by this function from now on; users whom it leaves out have read everything."""
    global _count
    _count = counter


def count(user_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return how many each of the users has not read."""
    return _count(user_ids)

"""Whether this worker was asked to stop. What it has in hand is then finished; what it has not begun goes back."""

from threading import Event
from typing import Final

_asked: Final = Event()


def begin() -> None:
    """The process was asked to stop."""
    _asked.set()


def has_begun() -> bool:
    """Whether nothing new may be begun."""
    return _asked.is_set()

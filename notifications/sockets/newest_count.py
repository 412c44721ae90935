"""The count of a bell whose frames overtake each other.

Whoever tells a bell something counts in PostgreSQL first and publishes then; in between, another may do both. Counts
therefore carry the time of their statement, and a frame that comes late is given the newest count. Two statements
within microseconds of each other may have seen the rows in the other order; the next frame then puts it right.
"""

from typing import Final

import orjson

#: No frame is under way for longer: an earlier time is that of another clock, of a server that has taken over.
LATEST_SECONDS: Final = 60.0


class NewestCount:
    """How many one user has not read, as its socket heard last, whether or not its bell showed it."""

    __slots__ = ("_at", "_unread")

    def __init__(self) -> None:
        self._at = 0.0
        self._unread = 0

    def note(self, unread: int, *, at: float) -> bool:
        """Keep a count of this time (seconds since the epoch, PostgreSQL's clock); False when it comes late."""
        if 0 < self._at - at < LATEST_SECONDS:
            return False
        self._at, self._unread = at, unread
        return True

    def put_into(self, frame: str) -> str:
        """Return a late frame with the newest count for its own."""
        return orjson.dumps({**orjson.loads(frame), "unread_count": self._unread}).decode()

"""What a bell may say on its socket, and how much of it (spec §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import orjson

from notifications import ids

PER_SECOND: Final = 20
#: Each lists up to a hundred rows, and a bell has cause for one when it was cut off or heard a resync.
RESUMES_AT_ONCE: Final = 5
RESUMES_PER_SECOND: Final = 0.5
#: So far into debt for messages beyond PER_SECOND, it is a flood and no mistake.
FLOOD: Final = 200


class ErrorCode(StrEnum):
    """What was wrong with a message."""

    BINARY_FRAME = "binary_frame"  # messages are text
    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"  # not an object with a type, or its fields have the wrong shape
    UNKNOWN_TYPE = "unknown_type"
    RATE_LIMITED = "rate_limited"  # more than PER_SECOND, or too many resumes; the message was ignored
    UNAVAILABLE = "unavailable"  # PostgreSQL is away; ask again later


class BadMessage(Exception):
    """A message that does nothing but earn an error."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Resume:
    """What was stored since this notification was?"""

    after: str


@dataclass(frozen=True, slots=True)
class Displayed:
    """This notification is on the screen."""

    id: str


ClientMessage = Ping | Resume | Displayed


def read(text: str | None) -> ClientMessage:
    """Read a frame; None is a binary one. Raises BadMessage."""
    if text is None:
        raise BadMessage(ErrorCode.BINARY_FRAME)
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadMessage(ErrorCode.INVALID_JSON) from error
    match message:
        case {"type": "ping"}:
            return Ping()
        case {"type": "resume"}:
            return Resume(_notification_id(message, "after"))
        case {"type": "displayed"}:
            return Displayed(_notification_id(message, "id"))
        case {"type": str()}:
            raise BadMessage(ErrorCode.UNKNOWN_TYPE)
    raise BadMessage(ErrorCode.INVALID_MESSAGE)


def _notification_id(message: Mapping[str, Any], field: str) -> str:
    value = message.get(field)
    if not isinstance(value, str) or not ids.is_notification_id(value):
        raise BadMessage(ErrorCode.INVALID_MESSAGE)
    return value


class Allowance:
    """How much a socket may still say: PER_SECOND messages at once, and as many more each second.

    Refused messages count too, so that only silence lifts the limit; refused resumes cost nothing, and do not.
    """

    __slots__ = ("_at", "_at_once", "_left", "_per_second", "_refused_count")

    def __init__(
        self, *, now: float, at_once: int = PER_SECOND, per_second: float = PER_SECOND, refused_count: bool = True
    ) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._refused_count = refused_count
        self._left = float(at_once)
        self._at = now

    @classmethod
    def of_resumes(cls, *, now: float) -> Self:
        """Return how often a socket may still ask what it missed."""
        return cls(now=now, at_once=RESUMES_AT_ONCE, per_second=RESUMES_PER_SECOND, refused_count=False)

    def take(self, *, now: float) -> bool:
        """Count one message at `now` (monotonic seconds); False when it is one too many."""
        left = min(self._at_once, self._left + (now - self._at) * self._per_second)
        is_within = left >= 1
        self._left = left - 1 if is_within or self._refused_count else left
        self._at = now
        return is_within

    @property
    def is_flooded(self) -> bool:
        """Whether the other side cannot mean it."""
        return self._left < -FLOOD

"""What a bell may say on its socket, and how much of it (spec §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from notifications import ids

PER_SECOND: Final = 20
#: So far into debt for messages beyond PER_SECOND, it is a flood and no mistake.
FLOOD: Final = 200


class ErrorCode(StrEnum):
    """What was wrong with a message."""

    BINARY_FRAME = "binary_frame"  # messages are text
    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"  # not an object with a type, or its fields have the wrong shape
    UNKNOWN_TYPE = "unknown_type"
    RATE_LIMITED = "rate_limited"  # more than PER_SECOND; the message was ignored
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

    Refused messages count too, so that only silence lifts the limit.
    """

    __slots__ = ("_at", "_left")

    def __init__(self, *, now: float) -> None:
        self._left = float(PER_SECOND)
        self._at = now

    def take(self, *, now: float) -> bool:
        """Count one message at `now` (monotonic seconds); False when it is one too many."""
        self._left = min(PER_SECOND, self._left + (now - self._at) * PER_SECOND) - 1
        self._at = now
        return self._left >= 0

    @property
    def is_flooded(self) -> bool:
        """Whether the other side cannot mean it."""
        return self._left < -FLOOD

"""The cursor of the list: a place in one user's inbox under one filter, which only we can write (spec §2)."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from django.utils.crypto import constant_time_compare, salted_hmac

from notifications.inbox import Position, Status

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST: Final = 200  # characters; ours have about 100
_SIGNATURE_BYTES: Final = 12


class InvalidCursor(ValueError):
    """Not a cursor of this user's list under this filter."""


def encode(position: Position, *, user_id: UUID, status: Status) -> str:
    """Return the cursor: base64url without padding of {"id", "at" (microseconds since 1970), "signature"}."""
    at = (position.created_at - _EPOCH) // _MICROSECOND
    signature = _signature(position.id, at, user_id, status)
    return _base64url(orjson.dumps({"id": position.id, "at": at, "signature": signature}))


def decode(text: str, *, user_id: UUID, status: Status) -> Position:
    """Return the place that `encode` wrote for the same user and filter. Raises InvalidCursor."""
    position = read(text)
    if not constant_time_compare(encode(position, user_id=user_id, status=status), text):
        raise InvalidCursor("is not from this list")
    return position


def read(text: str) -> Position:
    """Return the place that the text names, whoever wrote it and for whatever list. Raises InvalidCursor."""
    if len(text) > _LONGEST:
        raise InvalidCursor("is too long")
    try:
        written = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return Position(_EPOCH + written["at"] * _MICROSECOND, written["id"])
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError) as error:
        raise InvalidCursor("cannot be read") from error


def _signature(notification_id: str, at: int, user_id: UUID, status: Status) -> str:
    signed = orjson.dumps([notification_id, at, user_id, status])
    return _base64url(salted_hmac("notifications.cursors", signed, algorithm="sha256").digest()[:_SIGNATURE_BYTES])


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

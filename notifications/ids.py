"""Notification ids: the same event and user give the same id, and later events give later ids (spec §4).

`ntf_` + 16 characters of 6 bits: 48 bits of the event's milliseconds, 48 bits of a hash of source, event and
user. The alphabet is in ASCII order, so that ids under COLLATE "C" sort by time.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final
from uuid import UUID

_BASE64 = ascii_uppercase + ascii_lowercase + digits + "+/"
_ASCII_ORDER = "-" + digits + ascii_uppercase + "_" + ascii_lowercase
_TO_ASCII_ORDER = bytes.maketrans(_BASE64.encode(), _ASCII_ORDER.encode())
_FROM_ASCII_ORDER = bytes.maketrans(_ASCII_ORDER.encode(), _BASE64.encode())

PATTERN: Final = re.compile(r"ntf_[-0-9A-Z_a-z]{16}", re.ASCII)


def for_event(*, source: str, event_id: str, occurred_at: datetime) -> Callable[[UUID], str]:
    """Return the function from a recipient to the id of that recipient's notification.

    The event's part of the hash is computed once, for events with thousands of recipients.
    """
    time = _milliseconds(occurred_at)
    event = hashlib.blake2b(f"{source}\0{event_id}\0".encode(), digest_size=6)

    def for_user(user_id: UUID) -> str:
        identity = event.copy()
        identity.update(user_id.bytes)
        return _write(time + identity.digest())

    return for_user


def floor(instant: datetime) -> str:
    """Return the least id of an event at that instant: those of earlier events lie below it."""
    return _write(_milliseconds(instant) + bytes(6))


def occurred_at(notification_id: str) -> datetime:
    """Return the time of the event (aware, UTC) that the notification with this id tells of."""
    identity = b64decode(notification_id.removeprefix("ntf_").encode().translate(_FROM_ASCII_ORDER))
    return datetime.fromtimestamp(int.from_bytes(identity[:6], "big") / 1000, UTC)


def is_notification_id(text: str) -> bool:
    """Whether `text` has the form of a notification id."""
    return PATTERN.fullmatch(text) is not None


def _milliseconds(time: datetime) -> bytes:
    return int(time.timestamp() * 1000).to_bytes(6, "big")


def _write(identity: bytes) -> str:
    return "ntf_" + b64encode(identity).translate(_TO_ASCII_ORDER).decode()

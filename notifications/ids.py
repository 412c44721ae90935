"""Notification ids: the same event and user give the same id, and later events give later ids (spec §4).

`ntf_` + 16 characters of 6 bits: 48 bits of the event's milliseconds, 48 bits of a hash of source, event and
user. The alphabet is in ASCII order, so that ids under COLLATE "C" sort by time.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final
from uuid import UUID

_BASE64 = ascii_uppercase + ascii_lowercase + digits + "+/"
_ASCII_ORDER = "-" + digits + ascii_uppercase + "_" + ascii_lowercase
_TO_ASCII_ORDER = bytes.maketrans(_BASE64.encode(), _ASCII_ORDER.encode())

PATTERN: Final = re.compile(r"ntf_[-0-9A-Z_a-z]{16}", re.ASCII)


def for_event(*, source: str, event_id: str, occurred_at: datetime) -> Callable[[UUID], str]:
    """Return the function from a recipient to the id of that recipient's notification.

    The event's part of the hash is computed once, for events with thousands of recipients.
    """
    time = int(occurred_at.timestamp() * 1000).to_bytes(6, "big")
    event = hashlib.blake2b(f"{source}\0{event_id}\0".encode(), digest_size=6)

    def for_user(user_id: UUID) -> str:
        identity = event.copy()
        identity.update(user_id.bytes)
        return "ntf_" + b64encode(time + identity.digest()).translate(_TO_ASCII_ORDER).decode()

    return for_user


def is_notification_id(text: str) -> bool:
    """Whether `text` has the form of a notification id."""
    return PATTERN.fullmatch(text) is not None

"""What a push says, in the words of APNs and of FCM: pure, and never larger than they take (spec §6 "Push").

Texts are shortened to fit: first the body, down to its first words, then the title. Neither is ever dropped.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from delivery import updates
from delivery.transports.contract import Outgoing
from preferences.catalog import CATALOG, DEFAULT_MAX_AGE, Channel

Payload = Mapping[str, Any]

#: Bytes of JSON that a provider takes. Google does not say what of the message counts, so FCM's has room for the rest.
LARGEST_APNS: Final = 4096
LARGEST_FCM: Final = 4096 - 256

_LONGEST_URL: Final = 2000  # bytes; a longer link is left out, and the app looks the notification up by its id
_LEAST_BODY: Final = 120  # bytes, before the title is shortened too
_ELLIPSIS: Final = "…"

_ZERO_WIDTH_JOINER: Final = "\u200d"
_REGIONAL_INDICATORS: Final = range(0x1F1E6, 0x1F200)  # two make a flag
_EXTENDING: Final = (
    range(0x1160, 0x1200),  # vowels and finals of a Hangul syllable
    range(0x1F3FB, 0x1F400),  # skin tones
    range(0xE0020, 0xE0080),  # tags, as in the flag of Scotland
)


@dataclass(frozen=True, slots=True)
class Push:
    """One push, whatever the platform. What is not known is empty."""

    notification_id: str  # also the collapse id: a push that is sent again replaces the first one
    type: str
    title: str
    body: str
    badge: int
    url: str  # absolute: where a tap leads
    thread: str  # what belongs to the same resource is shown together
    expires_at: datetime  # aware; of no use after this

    def seconds_to_live(self, now: datetime) -> int:
        """For how long a phone that is off may still get it; 0: now or never."""
        return max(0, int((self.expires_at - now).total_seconds()))


def read(outgoing: Outgoing) -> Push:
    """Return what the delivery says to one device."""
    update = updates.read(outgoing.delivery)
    type_ = CATALOG.get(update.type)
    max_age = type_.max_age[Channel.PUSH] if type_ else DEFAULT_MAX_AGE[Channel.PUSH]
    return Push(
        notification_id=outgoing.delivery.notification_id,
        type=update.type,
        title=update.title,
        body=update.body,
        badge=outgoing.badge,
        url=update.url if _weight(update.url) <= _LONGEST_URL else "",
        thread=":".join(part for part in update.resource if part),
        expires_at=update.occurred_at + max_age,
    )


def for_apns(push: Push) -> Payload:
    """Return the JSON object of an APNs alert."""
    return _fitted(push, _apns, LARGEST_APNS)


def for_fcm(push: Push, *, now: datetime) -> Payload:
    """Return a message of FCM HTTP v1 without its token."""
    return _fitted(push, lambda fitted: _fcm(fitted, now), LARGEST_FCM)


def size(payload: Payload) -> int:
    """Return its bytes as JSON, written the widest way that a client library does."""
    return len(json.dumps(payload, ensure_ascii=False).encode())


def _apns(push: Push) -> Payload:
    aps = {"alert": {"title": push.title, "body": push.body}, "badge": push.badge, "sound": "default"}
    if push.thread:
        aps["thread-id"] = push.thread
    return {"aps": aps, **_data(push)}


def _fcm(push: Push, now: datetime) -> Payload:
    thread = {"thread": push.thread} if push.thread else {}
    return {
        "notification": {"title": push.title, "body": push.body},
        "data": {**_data(push), **thread},
        "android": {
            "collapse_key": push.notification_id,
            "priority": "HIGH",
            "ttl": f"{push.seconds_to_live(now)}s",
            # Two pushes with one tag are one: the tag is not the thread, or a second comment would hide the first.
            "notification": {"tag": push.notification_id, "notification_count": push.badge},
        },
    }


def _data(push: Push) -> dict[str, str]:
    data = {"notification_id": push.notification_id, "type": push.type, "url": push.url}
    return {name: value for name, value in data.items() if value}


# --- Fitting -------------------------------------------------------------------------------------------------


def _fitted(push: Push, build: Callable[[Push], Payload], largest: int) -> Payload:
    payload = build(push)
    excess = size(payload) - largest
    if excess <= 0:
        return payload
    body = shorten(push.body, max(_weight(push.body) - excess, _LEAST_BODY))
    excess -= _weight(push.body) - _weight(body)
    title = shorten(push.title, _weight(push.title) - max(excess, 0))
    return build(replace(push, title=title, body=body))


def shorten(text: str, weight: int) -> str:
    """Return the text, or its beginning with an ellipsis, in at most so many bytes of JSON (three at least).

    Characters that are seen as one stay together, unless one alone is too long.
    """
    if _weight(text) <= weight:
        return text
    room = weight - _weight(_ELLIPSIS)
    end = 0
    while (room := room - _weight(text[end])) >= 0:
        end += 1
    whole = next((cut for cut in range(end, 0, -1) if _is_boundary(text, cut)), end)
    return text[:whole].rstrip() + _ELLIPSIS


def _weight(text: str) -> int:
    """Return its bytes between the quotes of JSON."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _is_boundary(text: str, cut: int) -> bool:
    """Whether a cut before this character leaves whole what people see: accents, emoji, flags, syllables.

    The rules of Unicode's UAX 29 that matter here, without its tables.
    """
    before, after = text[cut - 1], text[cut]
    if before == _ZERO_WIDTH_JOINER or _extends(after):
        return False
    if ord(after) in _REGIONAL_INDICATORS:
        return _regional_indicators_before(text, cut) % 2 == 0
    return True


def _extends(character: str) -> bool:
    code = ord(character)
    is_mark = unicodedata.category(character).startswith("M")
    return is_mark or character == _ZERO_WIDTH_JOINER or any(code in extending for extending in _EXTENDING)


def _regional_indicators_before(text: str, cut: int) -> int:
    count = 0
    while count < cut and ord(text[cut - 1 - count]) in _REGIONAL_INDICATORS:
        count += 1
    return count

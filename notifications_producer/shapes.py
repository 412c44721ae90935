"""What the service would reject in any case, told before it is sent (spec §1): types, lengths, the form of a url.

And addresses in the place of user ids, which it would take for nobody's.

Only the service can tell whether the catalogue has the type, and whether the url leads to an allowed host.
"""

import re
from collections.abc import Iterable, Mapping, Sized
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

MAX_RECIPIENTS: Final = 10_000
MAX_NAME_LENGTH: Final = 255  # characters of type, source and id
MAX_RESOURCE_NAME_LENGTH: Final = 50  # characters of a resource's type and id
MAX_URL_LENGTH: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: What the service drops from every text, so that a text of nothing else is empty.
_DROPPED: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: `http` is for a service in development, and `//` may lead to the app itself; the service looks where they lead.
_URL: Final = re.compile(r"(/|https?://)[^\\ \t\n\r\v\f]*")


class InvalidEvent(ValueError):
    """The event breaks the contract, so publishing it would only have it rejected.

    The message names the field and what was expected there. It quotes no value.
    """


def check_name(value: object, name: str, *, longest: int = MAX_NAME_LENGTH) -> None:
    """Raise InvalidEvent for what is no text, or one that is empty or too long."""
    expected = f"{name} must be a text of 1 to {longest} characters"
    if not isinstance(value, str):
        raise InvalidEvent(f"{expected}, not {_kind(value)}")
    if not 1 <= (length := len(_DROPPED.sub("", value))) <= longest:
        raise InvalidEvent(f"{expected}, not {length}")


def check_text(value: object, name: str) -> None:
    """Raise InvalidEvent for what is neither a text nor None."""
    if value is not None and not isinstance(value, str):
        raise InvalidEvent(f"{name} must be a text, not {_kind(value)}")


def check_url(value: object, name: str) -> None:
    """Raise InvalidEvent for what is no path and no https address, or is too long. None is no url, and so is ""."""
    check_text(value, name)
    url = _DROPPED.sub("", str(value or ""))
    if len(url) > MAX_URL_LENGTH:
        raise InvalidEvent(f"{name} has {len(url)} characters, more than {MAX_URL_LENGTH}")
    if url and _URL.fullmatch(url) is None:
        raise InvalidEvent(f"{name} must be a path that begins with / or an https address, without space or backslash")


def check_recipients(value: object) -> None:
    """Raise InvalidEvent for what is no list of user ids, or one that is empty or too long."""
    expected = f"recipients must be a list of 1 to {MAX_RECIPIENTS} user ids"
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sized) or not isinstance(value, Iterable):
        raise InvalidEvent(f"{expected}, not {_kind(value)}")
    if not 1 <= len(value) <= MAX_RECIPIENTS:
        raise InvalidEvent(f"{expected}, not {len(value)}")
    for index, recipient in enumerate(value):
        if problem := _why_no_user_id(recipient):
            raise InvalidEvent(f"recipients[{index}] must be a user id, not {problem}")


def check_actor(value: object) -> None:
    """Raise InvalidEvent for what is neither a user id nor None."""
    if value is None:
        return
    if problem := _why_no_user_id(value):
        raise InvalidEvent(f"actor must be a user id, not {problem}")
    check_name(str(value), "actor")


def check_params(value: object) -> None:
    """Raise InvalidEvent for what is no mapping of texts."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise InvalidEvent(f"params must be a mapping of texts, not {_kind(value)}")
    for name, text in value.items():
        if not isinstance(name, str):
            raise InvalidEvent(f"the names of params must be texts, not {_kind(name)}")
        check_text(text, f"params[{name!r}]")


def check_time(value: object) -> None:
    """Raise InvalidEvent for what is no aware datetime that can be written in UTC, from 1970 on."""
    if not isinstance(value, datetime):
        raise InvalidEvent(f"time must be a datetime, not {_kind(value)}")
    if value.utcoffset() is None:
        raise InvalidEvent("time has no time zone")
    try:
        is_early = value.astimezone(UTC) < _EPOCH
    except OverflowError:
        raise InvalidEvent("time lies outside the calendar") from None
    if is_early:
        raise InvalidEvent("time lies before 1970")


def check_kind(value: object, expected: type, name: str) -> None:
    """Raise InvalidEvent for what is of another class."""
    if not isinstance(value, expected):
        raise InvalidEvent(f"{name} must be of the class {expected.__name__}, not {_kind(value)}")


def _why_no_user_id(value: object) -> str | None:
    """Return what it is instead, or None: text of another form may pass, as nobody's id harms no other."""
    if not isinstance(value, str | UUID):
        return _kind(value)
    return "an address" if isinstance(value, str) and "@" in value else None


def _kind(value: object) -> str:
    return type(value).__name__

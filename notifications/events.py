"""What an event is, and what it takes to be one (spec §1)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from delivery.rendering import TITLE_LENGTH, shorten
from notifications import ids, links
from notifications.models import Rejection
from notifications.text import clean
from preferences import user_ids
from preferences.catalog import CATALOG, NotificationType

MAX_RECIPIENTS: Final = 10_000
MAX_FUTURE: Final = timedelta(minutes=5)
#: Characters of one param. The body that shows it is copied into the row of every recipient.
PARAM_LENGTH: Final = 2_000
NAME_LENGTH: Final = 255  # characters of id, source and type
RESOURCE_NAME_LENGTH: Final = 50  # characters of resource.type and resource.id
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_SECOND: Final = re.compile(r"(:[0-5][0-9]):60", re.ASCII)
_PARAMS: Final = ("excerpt", "from", "to")


class InvalidEvent(ValueError):
    """An event cannot be accepted: `reason` is its code, the message says what is wrong and where."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Resource:
    """What the event is about."""

    type: str
    id: str
    url: str | None
    title: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened and whom it concerns, checked and cleaned."""

    id: str
    source: str
    type: NotificationType
    occurred_at: datetime
    recipients: tuple[UUID, ...]  # each once
    malformed_recipients: tuple[str, ...]  # what the producer gave that is no user id
    actor_id: UUID | None
    resource: Resource | None
    params: Mapping[str, str]
    payload: str  # the whole CloudEvent as JSON, for the ledger

    def notification_ids(self) -> Callable[[UUID], str]:
        """Return the function from a recipient to the id of that recipient's notification."""
        return ids.for_event(source=self.source, event_id=self.id, occurred_at=self.occurred_at)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was not accepted, with its JSON as it came; source and id as far as they could be read."""

    reason: Rejection
    detail: str
    body: bytes
    source: str = ""
    event_id: str = ""


def read_event(payload: object, *, sent_at: datetime, now: datetime) -> Event:
    """Check one CloudEvent, and clean its texts; raises InvalidEvent.

    `sent_at` (aware) stands in for a missing `time`; a `time` too far in the future counts as `now`.
    """
    event = _object(payload, "the event")
    if event.get("specversion") != "1.0":
        raise InvalidEvent(Rejection.WRONG_SHAPE, 'specversion must be "1.0"')
    event_id, source = _name(event, "id", "id"), _name(event, "source", "source")
    type_ = CATALOG.get(_name(event, "type", "type"))
    if type_ is None:
        raise InvalidEvent(Rejection.UNKNOWN_TYPE, f"the catalogue has no type {event['type']!r:.60}")
    data = _object(event.get("data"), "data")
    recipients, malformed = read_recipients(data)
    return Event(
        id=event_id,
        source=source,
        type=type_,
        occurred_at=_occurred_at(event, sent_at=sent_at, now=now),
        recipients=recipients,
        malformed_recipients=malformed,
        actor_id=_actor_id(data),
        resource=_resource(data),
        params=_params(data),
        payload=_json(event),
    )


def _json(event: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError as error:
        raise InvalidEvent(Rejection.WRONG_SHAPE, "nested too deeply") from error


def _object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidEvent(Rejection.WRONG_SHAPE, f"{path} must be an object")
    return value


def _name(value: Mapping[str, Any], key: str, path: str, *, longest: int = NAME_LENGTH) -> str:
    """Return a required short text."""
    text = value.get(key)
    if not isinstance(text, str) or not (cleaned := clean(text)):
        raise InvalidEvent(Rejection.WRONG_SHAPE, f"{path} must be a text")
    if len(cleaned) > longest:
        raise InvalidEvent(Rejection.WRONG_SHAPE, f"{path} has more than {longest} characters")
    return cleaned


def _optional_text(value: Mapping[str, Any], key: str, path: str) -> str | None:
    text = value.get(key)
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidEvent(Rejection.WRONG_SHAPE, f"{path} must be a text")
    return clean(text) or None


def _occurred_at(event: Mapping[str, Any], *, sent_at: datetime, now: datetime) -> datetime:
    given = event.get("time")
    if given is None:
        return sent_at
    try:
        written = _LEAP_SECOND.sub(r"\1:59", given).upper()  # RFC 3339 knows small letters, and a 61st second
        time = datetime.fromisoformat(written).astimezone(UTC)
        is_aware = written[-1] == "Z" or "+" in written[10:] or "-" in written[10:]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidEvent(Rejection.WRONG_SHAPE, "time must be an RFC 3339 timestamp") from error
    if not is_aware or time < _EPOCH:
        raise InvalidEvent(Rejection.WRONG_SHAPE, "time must have an offset and lie after 1970")
    return now if time > now + MAX_FUTURE else time


def read_recipients(data: Mapping[str, Any]) -> tuple[tuple[UUID, ...], tuple[str, ...]]:
    """Return the user ids of an event's `data`, each once, and what is not one; raises InvalidEvent."""
    given = data.get("recipients")
    if not isinstance(given, list) or not given:
        raise InvalidEvent(Rejection.WRONG_SHAPE, "data.recipients must be a list of user ids, not empty")
    if len(given) > MAX_RECIPIENTS:
        raise InvalidEvent(Rejection.TOO_MANY_RECIPIENTS, f"{len(given)} recipients, more than {MAX_RECIPIENTS}")
    found: dict[UUID, None] = {}
    malformed: dict[str, None] = {}
    for text in given:
        if not isinstance(text, str):
            raise InvalidEvent(Rejection.WRONG_SHAPE, "data.recipients must hold texts")
        user_id = user_ids.parse(text)
        if user_id is None:
            malformed[clean(text)[:64]] = None
        else:
            found[user_id] = None
    return tuple(found), tuple(malformed)


def _actor_id(data: Mapping[str, Any]) -> UUID | None:
    """Return who did it. An id that belongs to nobody is as good as none: the text says "Someone"."""
    if data.get("actor") is None:
        return None
    return user_ids.parse(_name(_object(data["actor"], "data.actor"), "id", "data.actor.id"))


def _resource(data: Mapping[str, Any]) -> Resource | None:
    if data.get("resource") is None:
        return None
    resource = _object(data["resource"], "data.resource")
    url = _optional_text(resource, "url", "data.resource.url")
    title = _optional_text(resource, "title", "data.resource.title")
    if url is not None and not links.is_allowed(url):
        raise InvalidEvent(Rejection.BAD_URL, "data.resource.url leads neither to us nor to an allowed host")
    return Resource(
        type=_name(resource, "type", "data.resource.type", longest=RESOURCE_NAME_LENGTH),
        id=_name(resource, "id", "data.resource.id", longest=RESOURCE_NAME_LENGTH),
        url=url,
        title=title and shorten(title, TITLE_LENGTH),
    )


def _params(data: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the params that templates know; others are passed over."""
    if data.get("params") is None:
        return {}
    params = _object(data["params"], "data.params")
    texts = ((name, _optional_text(params, name, f"data.params.{name}")) for name in _PARAMS)
    return {name: shorten(text, PARAM_LENGTH) for name, text in texts if text is not None}

"""From the JSON of a message to events, each accepted or rejected on its own (spec §1)."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson

from delivery.rendering import TITLE_LENGTH, shorten
from notifications import ids, links
from notifications.models import Rejection
from notifications.text import clean, storable
from preferences import user_ids
from preferences.catalog import CATALOG, NotificationType

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 1_048_576  # what SQS carries, and what POST /api/v1/events takes
MAX_RECIPIENTS: Final = 10_000
MAX_FUTURE: Final = timedelta(minutes=5)
#: Characters of one param. The body that shows it is copied into the row of every recipient.
PARAM_LENGTH: Final = 2_000
NAME_LENGTH: Final = 255  # characters of id, source and type
RESOURCE_NAME_LENGTH: Final = 50  # characters of resource.type and resource.id
_MOST_PARTS: Final = 12_000  # of one message: more than it has room for, each but as long as an event must be
_REJECTED_PARTS: Final = 100  # of one message, that are kept one by one
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


def read_message(body: str | bytes, *, sent_at: datetime, now: datetime) -> list[Event | Rejected]:
    """Read one CloudEvent or a batch of them; a bad one does not harm its neighbours.

    `sent_at` (aware) stands in for a missing `time`; a `time` too far in the future counts as `now`.
    """
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    try:
        return gather_rejected(read_parts(raw, sent_at=sent_at, now=now), raw)
    except InvalidEvent as error:
        return [Rejected(error.reason, str(error), raw)]


def read_parts(raw: bytes, *, sent_at: datetime, now: datetime) -> list[Event | Rejected]:
    """Read one CloudEvent or a batch of them into an entry for each, in their order.

    Raises InvalidEvent for a message that is neither: too large, not JSON, an empty batch, or one of too many parts.
    """
    document, is_clean = _read_json(raw)
    if not isinstance(document, list):
        return [_read(document, is_clean=is_clean, sent_at=sent_at, now=now, body=lambda: raw)]
    if not document:
        raise InvalidEvent(Rejection.WRONG_SHAPE, "the batch is empty")
    if len(document) > _MOST_PARTS:  # a megabyte of digits would become gigabytes of rejections
        raise InvalidEvent(Rejection.WRONG_SHAPE, f"a batch of {len(document)}, which cannot be events")
    return [
        _read(part, is_clean=is_clean, sent_at=sent_at, now=now, body=partial(_part, part, raw)) for part in document
    ]


def _read(
    payload: object, *, is_clean: bool, sent_at: datetime, now: datetime, body: Callable[[], bytes]
) -> Event | Rejected:
    try:
        return read_event(payload if is_clean else storable(payload), sent_at=sent_at, now=now)
    except InvalidEvent as error:
        reason, detail = error.reason, str(error)
    except RecursionError:
        reason, detail = Rejection.WRONG_SHAPE, "nested too deeply"
    except Exception as error:  # a fault of ours that this event brings to light must not sink its neighbours
        names = {"event_id": _as_far_as(payload, "id"), "event_source": _as_far_as(payload, "source")}
        logger.exception("event could not be read", extra=names)
        reason, detail = Rejection.INTERNAL_ERROR, type(error).__name__
    return Rejected(reason, detail, body(), source=_as_far_as(payload, "source"), event_id=_as_far_as(payload, "id"))


def _as_far_as(payload: object, key: str) -> str:
    """Return the text of a bad event under which it is looked for, or "" when there is none; never an error."""
    text = payload.get(key) if isinstance(payload, dict) else None
    return clean(text)[:NAME_LENGTH] if isinstance(text, str) else ""


def _part(item: object, raw: bytes) -> bytes:
    """Return the JSON of one event of a batch; of one nested too deeply to write, the batch it came in."""
    try:
        return orjson.dumps(item)
    except TypeError:
        return raw


def gather_rejected(parts: list[Event | Rejected], raw: bytes) -> list[Event | Rejected]:
    """Keep the whole message once where keeping its bad parts one by one would multiply it."""
    rejected = [part for part in parts if isinstance(part, Rejected)]
    if len(parts) == 1 or (len(rejected) <= _REJECTED_PARTS and all(part.body is not raw for part in rejected)):
        return parts
    first = rejected[0]
    whole = Rejected(first.reason, f"{len(rejected)} events of the batch; the first: {first.detail}", raw)
    return [*(part for part in parts if isinstance(part, Event)), whole]


def _read_json(raw: bytes) -> tuple[Any, bool]:
    """Return the document, and whether PostgreSQL can store all its text as it is."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise InvalidEvent(Rejection.TOO_LARGE, f"{len(raw)} bytes, more than {MAX_MESSAGE_BYTES}")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        document = _read_json_with_lone_surrogates(raw, error)
    lowered = raw.lower()
    return document, b"\\u0000" not in lowered and b"\\ud" not in lowered


def _read_json_with_lone_surrogates(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    """Read what orjson refuses for a lone surrogate alone: such text is cleaned, not rejected (spec §1)."""
    try:
        if b"\\ud" not in raw.lower():
            raise error
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise InvalidEvent(Rejection.NOT_JSON, str(problem)) from problem


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_event(payload: object, *, sent_at: datetime, now: datetime) -> Event:
    """Check one CloudEvent; raises InvalidEvent."""
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

"""From the body of a message to its events, each accepted or rejected on its own (spec §1).

A message holds one CloudEvent or a batch of them, whether it comes from SQS or by POST /api/v1/events.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from notifications.events import NAME_LENGTH, Event, InvalidEvent, Rejected, read_event
from notifications.models import Rejection
from notifications.text import clean, storable

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 1_048_576  # what SQS carries, and what POST /api/v1/events takes
_MOST_PARTS: Final = 12_000  # of one message: more than it has room for, each but as long as an event must be
_REJECTED_PARTS: Final = 100  # of one message, that are kept one by one


def read_message(body: str | bytes, *, sent_at: datetime, now: datetime) -> list[Event | Rejected]:
    """Read one CloudEvent or a batch of them; a bad one does not harm its neighbours.

    `sent_at` and `now` (aware) are those of `read_event`.
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

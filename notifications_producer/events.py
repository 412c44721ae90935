"""What a producer says: a CloudEvents 1.0 event (spec §1)."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from notifications_producer import shapes
from notifications_producer.shapes import InvalidEvent

MAX_EVENT_BYTES: Final = 1_048_576  # one SQS message


@dataclass(frozen=True, slots=True)
class Resource:
    """What the event is about. `type` and `id` have at most 50 characters each; a longer `title` is cut at 255.

    `url` is a path of the app, or https on an allowed host. Raises InvalidEvent when it could not be accepted.
    """

    type: str
    id: str
    url: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        for name in ("type", "id"):
            shapes.check_name(getattr(self, name), f"resource.{name}", longest=shapes.MAX_RESOURCE_NAME_LENGTH)
        shapes.check_url(self.url, "resource.url")
        shapes.check_text(self.title, "resource.title")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, and whom it concerns.

    `id` and `time` are filled in; give them yourself when a retry of yours must count as the same event.
    Raises InvalidEvent when it could not be accepted, as far as that can be told without the catalogue of types.
    """

    type: str
    source: str
    recipients: Sequence[str | uuid.UUID]
    actor: str | uuid.UUID | None = None
    resource: Resource | None = None
    params: Mapping[str, str | None] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        for name in ("type", "source", "id"):
            shapes.check_name(getattr(self, name), name)
        shapes.check_recipients(self.recipients)
        shapes.check_actor(self.actor)
        if self.resource is not None:
            shapes.check_kind(self.resource, Resource, "resource")
        shapes.check_params(self.params)
        shapes.check_time(self.time)

    def as_cloudevent(self) -> dict[str, Any]:
        """Return the structured-mode JSON object."""
        data: dict[str, Any] = {"recipients": [str(recipient) for recipient in self.recipients]}
        if self.actor is not None:
            data["actor"] = {"id": str(self.actor)}
        if self.resource is not None:
            resource = self.resource
            data["resource"] = {
                "type": resource.type,
                "id": resource.id,
                "url": resource.url,
                "title": resource.title,
            }
        if self.params:
            data["params"] = dict(self.params)
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "data": data,
        }

    def as_json(self) -> str:
        """Return the JSON text, ASCII only, so that its length is its size in bytes.

        Raises InvalidEvent when it is larger than one SQS message can be, or holds what JSON has no word for.
        """
        try:
            text = json.dumps(self.as_cloudevent(), separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidEvent(f"the event cannot be written as JSON: {error}") from error
        if len(text) > MAX_EVENT_BYTES:
            raise InvalidEvent(f"the event has {len(text)} bytes, more than {MAX_EVENT_BYTES}")
        return text

"""The JSON Schema (2020-12) of what is said on a bell's socket, by us and by the bell (spec §3).

Our messages have the keys that are named and no others. A bell's may have more, which nobody looks at.
`#/$defs/Notification` is that of the API's own document (notifications/published_schemas.py).
"""

from typing import Any, Final

from notifications import ids
from notifications.inbox_queries import MOST_COUNTED
from notifications.sockets.messages import ErrorCode

Schema = dict[str, Any]

_ID: Final[Schema] = {"type": "string", "pattern": f"^{ids.PATTERN.pattern}$"}
_IDS: Final[Schema] = {"type": "array", "items": _ID, "minItems": 1}
_NOTIFICATION: Final[Schema] = {"$ref": "#/$defs/Notification"}
_UNREAD_COUNT: Final[Schema] = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_COUNTED,
    "description": f"{MOST_COUNTED}: so many, or more.",
}


def _message(*types: str, description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": list(types)}, **properties},
        "required": ["type", *properties],
        "description": description,
    }


def _ours(*types: str, description: str, **properties: Schema) -> Schema:
    return {**_message(*types, description=description, **properties), "additionalProperties": False}


FROM_THE_SERVICE: Final[list[Schema]] = [
    _ours(
        "hello",
        description="The first message. `latest` is what was stored last.",
        unread_count=_UNREAD_COUNT,
        latest={**_ID, "type": ["string", "null"]},
    ),
    _ours(
        "notification",
        description="It was stored just now.",
        notification=_NOTIFICATION,
        unread_count=_UNREAD_COUNT,
    ),
    _ours("read", description="These were read elsewhere.", ids=_IDS, unread_count=_UNREAD_COUNT),
    _ours(
        "read",
        description="All that were stored until `up_to` was, were read elsewhere.",
        up_to=_ID,
        unread_count=_UNREAD_COUNT,
    ),
    _ours("unread", description="These were made unread elsewhere.", ids=_IDS, unread_count=_UNREAD_COUNT),
    _ours(
        "missed",
        description="The answer to a resume, newest first.",
        notifications={"type": "array", "items": _NOTIFICATION},
        has_more={"type": "boolean", "description": "There are more than were listed: ask the list."},
    ),
    _ours("resync", description="Messages may have been lost: resume."),
    _ours("disabled", "enabled", description="The flag or the switch has turned; the socket stays open."),
    _ours("pong", description="The answer to a ping."),
    _ours(
        "error",
        description="The last message did nothing.",
        code={"type": "string", "enum": [code.value for code in ErrorCode]},
    ),
]
FROM_A_BELL: Final[list[Schema]] = [
    _message("ping", description="Are you there?"),
    _message("resume", description="What was stored since this notification was?", after=_ID),
    _message("displayed", description="This notification is on the screen.", id=_ID),
]

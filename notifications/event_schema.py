"""The JSON Schema (2020-12) of what producers publish: every event that fits it is accepted.

With exceptions that no schema can tell: whether an https address leads to an allowed host, whether a calendar has the
time, and what is nested too deeply to be read. More than fits is accepted too, since unknown keys are passed over and
odd characters dropped (notifications/events.py).
"""

from typing import Any, Final

from notifications.events import MAX_RECIPIENTS, NAME_LENGTH, RESOURCE_NAME_LENGTH
from notifications.links import MAX_LENGTH as MAX_URL_LENGTH
from preferences.catalog import CATALOG

Schema = dict[str, Any]

#: With something in it that is kept: control characters are dropped.
_SOMETHING_VISIBLE: Final = r"[^\u0000-\u0008\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]"
#: Printable ASCII behind one slash, without a backslash; or https.
_URL: Final = r"^(/([!-.0-\[\]-~][!-\[\]-~]*)?|https://[!-~]+)$"
#: RFC 3339; before 1970 nothing happened.
_TIME: Final = (
    r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


def _name(most: int, **more: Any) -> Schema:
    return {"type": "string", "maxLength": most, "pattern": _SOMETHING_VISIBLE, **more}


def _object(properties: Schema, *, required: list[str], may_be_null: bool = False, **more: Any) -> Schema:
    type_ = ["object", "null"] if may_be_null else "object"
    return {"type": type_, "properties": properties, "required": required, **more}


_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_ACTOR: Final = _object({"id": _name(NAME_LENGTH, description="`usr_…` or UUID.")}, required=["id"], may_be_null=True)
_RESOURCE: Final = _object(
    {
        "type": _name(RESOURCE_NAME_LENGTH),
        "id": _name(RESOURCE_NAME_LENGTH),
        "url": {
            **_TEXT_OR_NULL,
            "maxLength": MAX_URL_LENGTH,
            "pattern": _URL,
            "description": "A path, or https on an allowed host.",
        },
        "title": _TEXT_OR_NULL,
    },
    required=["type", "id"],
    may_be_null=True,
)
_PARAMS: Final = _object(
    {"excerpt": _TEXT_OR_NULL, "from": _TEXT_OR_NULL, "to": _TEXT_OR_NULL}, required=[], may_be_null=True
)
_DATA: Final = _object(
    {
        "recipients": {
            "type": "array",
            "items": {"type": "string", "description": "`usr_…` or UUID; repeats are folded."},
            "minItems": 1,
            "maxItems": MAX_RECIPIENTS,
        },
        "actor": _ACTOR,
        "resource": _RESOURCE,
        "params": _PARAMS,
    },
    required=["recipients"],
)

EVENT: Final = _object(
    {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": _name(NAME_LENGTH, description="With `source` it names the event: the same again changes nothing."),
        "source": _name(NAME_LENGTH, description="Over HTTP, one of those that belong to the token."),
        "type": {"type": "string", "enum": list(CATALOG)},
        "time": {
            **_TEXT_OR_NULL,
            "format": "date-time",
            "pattern": _TIME,
            "description": "Left out: when it was sent. More than five minutes ahead: now.",
        },
        "data": _DATA,
    },
    required=["specversion", "id", "source", "type", "data"],
    description="A CloudEvents 1.0 event in structured JSON; other attributes of it are kept and not looked at.",
)
#: What one message or one call carries, in 1 MiB at most.
EVENT_OR_BATCH: Final[Schema] = {"oneOf": [EVENT, {"type": "array", "items": EVENT, "minItems": 1}]}

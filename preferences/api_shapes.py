"""The JSON of the preferences calls, as JSON Schema for their documentation; names come from the catalogue."""

from collections.abc import Iterable
from typing import Any, Final

from preferences.catalog import TYPES, Channel
from preferences.choices import TIME_OF_DAY
from preferences.digest_periods import DigestFrequency

Schema = dict[str, Any]


def _object(properties: Schema, *, required: bool) -> Schema:
    """Return the schema of an object with these keys and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(properties)} if required else schema


def _names(names: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(name) for name in names]}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _switches(*, required: bool) -> Schema:
    """Return the schema of {"in_app": true, "email": …}."""
    return _object({channel.value: {"type": "boolean"} for channel in Channel}, required=required)


def _switches_by_type(*, required: bool) -> Schema:
    return _object({type_.name: _switches(required=required) for type_ in TYPES}, required=required)


_TEXT: Final[Schema] = {"type": "string"}
_TYPE_NAME: Final = _names(type_.name for type_ in TYPES)
_DIGEST_CHOICES: Final[Schema] = {
    "email_digest": _names(DigestFrequency),
    "timezone": {**_TEXT, "format": "iana-time-zone", "description": "An IANA name; the time zone of `digest_time`."},
    "digest_time": {**_TEXT, "pattern": f"^{TIME_OF_DAY.pattern}$", "example": "09:00"},
}
#: The body of PUT, where what is left out returns to its default, and of PATCH, where it stays as it is.
CHOICES: Final = _object({"preferences": _switches_by_type(required=False), **_DIGEST_CHOICES}, required=False)
_CATALOG_TYPE: Final = _object(
    {
        "type": _TYPE_NAME,
        "label": _TEXT,
        "defaults": _switches(required=True),
        "locked": _switches(required=False),
    },
    required=True,
)
_CATALOG: Final = _object(
    {
        "types": _list_of(_CATALOG_TYPE),
        "channels": _list_of(_object({"channel": _names(Channel), "label": _TEXT}, required=True)),
        "email_digests": _list_of(_names(DigestFrequency)),
    },
    required=True,
)

#: What holds now, for every type and channel. Without `catalog` it is the body of a PUT that makes all of it a choice.
EFFECTIVE: Final = _object(
    {"preferences": _switches_by_type(required=True), **_DIGEST_CHOICES, "catalog": _CATALOG}, required=True
)

"""What others build against, as documents: the API (OpenAPI 3.1), events and the socket (JSON Schema 2020-12).

They are made from the code, and kept in docs/schemas for whoever has no service at hand.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator

from notifications.event_schema import EVENT
from notifications.sockets.schema import FROM_A_BELL, FROM_THE_SERVICE

Document = Mapping[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: Of the API's document, what the socket shows too, with what that refers to.
_SHARED: Final = ("Notification", "Actor", "About")


def documents() -> dict[str, Document]:
    """Return each document by the name of its file."""
    openapi = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return {"openapi.json": openapi, "event.json": _event(), "socket.json": _socket(openapi)}


def _event() -> Document:
    event = {"$ref": "#/$defs/Event"}
    return {
        "$schema": _DIALECT,
        "title": "What one message on the queue, or one POST /api/v1/events, carries in 1 MiB at most",
        "oneOf": [event, {"type": "array", "items": event, "minItems": 1}],
        "$defs": {"Event": EVENT},
    }


def _socket(openapi: Document) -> Document:
    components = openapi["components"]["schemas"]
    shared = json.dumps({name: components[name] for name in _SHARED})
    return {
        "$schema": _DIALECT,
        "title": "A message on /ws/notifications",
        "anyOf": [{"$ref": "#/$defs/FromTheService"}, {"$ref": "#/$defs/FromABell"}],
        "$defs": {
            "FromTheService": {"oneOf": FROM_THE_SERVICE},
            "FromABell": {"oneOf": FROM_A_BELL},
            **json.loads(shared.replace("#/components/schemas/", "#/$defs/")),
        },
    }

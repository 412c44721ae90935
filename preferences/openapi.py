"""What drf-spectacular cannot see by itself: the token, the shape of errors, and that bodies are read strictly."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import serializers

from preferences.api_errors import ErrorCode

_WHERE_FROM: Final = (
    "Of a person: the access token that the Auth Service gave them at login. Of a producer service, for the calls that "
    "say so: one with the scope `events:write`. In development `manage.py issue_token EMAIL` prints one for a person, "
    "`manage.py issue_token --service NAME` one for a service."
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The bearer token, under the name `bearer`."""

    target_class = "preferences.api_access.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme object of OpenAPI."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _WHERE_FROM}


class ErrorFields(serializers.Serializer[Any]):
    """What went wrong."""

    code = serializers.ChoiceField([code.value for code in ErrorCode])
    message = serializers.CharField(help_text="In words, for people.")
    details = serializers.DictField(
        child=serializers.CharField(),
        help_text="What is wrong with each field, by its path; `body` is the whole of it.",
    )


class ErrorAnswer(serializers.Serializer[Any]):
    """The shape of every refusal."""

    error = ErrorFields()


def require_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Write into the document that a body is no option, where its schema is written out and not a serializer's."""
    for path in result["paths"].values():
        for operation in path.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if "$ref" not in media["schema"]:
                    operation["requestBody"]["required"] = True
    return result


def refuse_unknown_keys(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Write into the document that an object has the keys it names and no others."""
    for component in result["components"]["schemas"].values():
        if component.get("type") == "object" and "properties" in component:
            component.setdefault("additionalProperties", False)
    return result

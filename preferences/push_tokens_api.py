"""The calls by which a phone says where its pushes go (spec §2)."""

import re
from typing import Any, Final

from django.core.validators import RegexValidator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from preferences import push_tokens
from preferences.api_calls import ApiView, call
from preferences.api_input import Body, OneOf, Text
from preferences.push_tokens import Platform

_DEVICE_IN_PATH: Final = OpenApiParameter(
    "device_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="As it was registered."
)


def _whole(pattern: re.Pattern[str], *, problem: str) -> RegexValidator:
    """Check the whole text, also when it ends in a line break."""
    return RegexValidator(rf"^(?:{pattern.pattern})\Z", message=problem)


class Registration(Body):
    """A device that is to get the pushes of whoever is signed in on it."""

    platform = OneOf(Platform)
    token = Text(
        validators=[_whole(push_tokens.TOKEN, problem="must be 1 to 4096 visible ASCII characters")],
    )
    device_id = Text(
        validators=[_whole(push_tokens.DEVICE_ID, problem="must be 1 to 128 printable ASCII characters")],
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Compare the token with its platform's. Raises ValidationError."""
        if push_tokens.TOKENS[attrs["platform"]].fullmatch(attrs["token"]) is None:
            raise serializers.ValidationError({"token": ["must be the token of APNs in hex, at most 200 characters"]})
        return attrs


def _documented(platform: Platform, token: str) -> dict[str, Any]:
    """Return the JSON Schema of a registration, which differs by platform, as no serializer can tell."""
    properties = {
        "platform": {"type": "string", "enum": [platform.value]},
        "token": {
            "type": "string",
            "pattern": f"^{push_tokens.TOKENS[platform].pattern}$",
            "description": token,
        },
        "device_id": {
            "type": "string",
            "pattern": f"^{push_tokens.DEVICE_ID.pattern}$",
            "description": "The app's own name for this installation; it stays when the token changes.",
        },
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_REGISTRATION: Final = {
    "oneOf": [
        _documented(Platform.IOS, "As APNs gave it to the app, in hex."),
        _documented(Platform.ANDROID, "As FCM gave it to the app."),
    ]
}


class Registered(serializers.Serializer[Any]):
    """What is now on record, but for the token."""

    platform = serializers.ChoiceField([platform.value for platform in Platform])
    device_id = serializers.CharField()
    registered_at = serializers.DateTimeField()


class PushTokens(ApiView):
    """/api/v1/push-tokens."""

    @call(
        "register_push_token",
        per_minute=30,
        takes=_REGISTRATION,
        answer=Registered,
    )
    def post(self, request: Request) -> Response:
        """Have this device get your pushes; call it at every start of the app and whenever the token changes.

        A token that somebody else's registration, or another device of yours, holds moves here. You have at most 20
        devices: one more takes the place of that whose registration is the oldest.
        """
        registration = Registration.read(request)
        device = push_tokens.register(
            self.user.id,
            platform=Platform(registration["platform"]),
            token=registration["token"],
            device_id=registration["device_id"],
        )
        return Response(Registered(device).data)


class PushToken(ApiView):
    """/api/v1/push-tokens/{device_id}."""

    @call("forget_push_token", per_minute=30, parameters=[_DEVICE_IN_PATH], answer=None)
    def delete(self, request: Request, device_id: str) -> Response:
        """Send no more of your pushes to this device; call it at logout. A device that you do not have is no error."""
        push_tokens.forget(self.user.id, device_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

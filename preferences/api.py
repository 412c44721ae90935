"""The preferences calls (spec §2)."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from preferences import api_shapes, choices, people
from preferences.api_calls import ApiView, call
from preferences.api_errors import WHOLE_BODY, InvalidRequest
from preferences.api_input import json_body
from preferences.catalog import TYPES, Channel, NotificationType
from preferences.choice_changes import ChoiceChanges
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency

_CHANNEL_LABELS: Final[Mapping[Channel, str]] = {
    Channel.IN_APP: "Bell",
    Channel.EMAIL: "Email",
    Channel.PUSH: "Phone",
}

_Read = TypeVar("_Read", Choices, ChoiceChanges)


class Preferences(ApiView):
    """/api/v1/notifications/preferences."""

    @call("get_preferences", per_minute=60, answer=api_shapes.EFFECTIVE)
    def get(self, request: Request) -> Response:
        """What you get on which channel, and what there is to choose from."""
        return Response(_effective(choices.from_stored(self.user.notification_preferences)))

    @call(
        "replace_preferences",
        per_minute=10,
        takes=api_shapes.CHOICES,
        answer=api_shapes.EFFECTIVE,
    )
    def put(self, request: Request) -> Response:
        """Replace all choices: types, channels and settings that are left out return to their defaults."""
        chosen = _read(request, choices.from_request)
        people.store_choices(self.user.id, chosen)
        return Response(_effective(chosen))

    @call(
        "change_preferences",
        per_minute=30,
        takes=api_shapes.CHOICES,
        answer=api_shapes.EFFECTIVE,
    )
    def patch(self, request: Request) -> Response:
        """Change some choices: types, channels and settings that are left out stay as they are."""
        changes = _read(request, ChoiceChanges.from_request)
        return Response(_effective(people.change_choices(self.user.id, changes)))


def _read(request: Request, read: Callable[[object], _Read]) -> _Read:
    if not request.body:  # read as {}, a PUT would restore every default
        raise InvalidRequest({WHOLE_BODY: "must be an object"})
    try:
        return read(json_body(request))
    except choices.InvalidChoices as error:
        raise InvalidRequest({path or WHOLE_BODY: problem for path, problem in error.details.items()}) from error


def _effective(chosen: Choices) -> dict[str, Any]:
    return {
        "preferences": {type_.name: {channel: chosen.wants(type_, channel) for channel in Channel} for type_ in TYPES},
        **_gathering(chosen),
        "catalog": {
            "types": [_described(type_) for type_ in TYPES],
            "channels": [{"channel": channel, "label": label} for channel, label in _CHANNEL_LABELS.items()],
            "email_digests": list(DigestFrequency),
        },
    }


def _gathering(chosen: Choices) -> dict[str, str]:
    """Return when mail arrives."""
    return {
        "email_digest": chosen.email_digest,
        "timezone": chosen.timezone or settings.DEFAULT_TIMEZONE,
        "digest_time": f"{chosen.digest_time:%H:%M}",
    }


def _described(type_: NotificationType) -> dict[str, Any]:
    defaults = {channel: type_.default(channel) for channel in Channel}
    return {
        "type": type_.name,
        "label": type_.label,
        "defaults": defaults,
        "locked": {channel: wanted for channel, wanted in defaults.items() if channel in type_.locked},
    }

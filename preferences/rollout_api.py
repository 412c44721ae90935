"""POST /api/v1/rollout: whom a producer's legacy mail must leave to the new system (spec §2, §7)."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from preferences import rollout, user_ids
from preferences.api_calls import ServiceView, call
from preferences.api_input import Body, Text
from preferences.models import User

_MOST_USERS: Final = 1_000


class UserId(Text):
    """What names a user, or nobody. It is compared and never stored, so any text will do."""

    def __init__(self) -> None:
        super().__init__(allow_blank=True)
        self.validators = []


class Asked(Body):
    """The users whom something concerns."""

    users = serializers.ListField(
        child=UserId(),
        max_length=_MOST_USERS,
        error_messages={"max_length": "must be at most {max_length}"},
        help_text="`usr_…` or UUID, at most 1,000.",
    )


class Enabled(serializers.Serializer[Any]):
    """Those of them who are on the new system."""

    enabled = serializers.ListField(child=serializers.CharField(), help_text="As they were given, in the same order.")


class Rollout(ServiceView):
    """/api/v1/rollout."""

    @call(
        "ask_rollout",
        per_minute=600,
        takes=Asked,
        answer=Enabled,
    )
    def post(self, request: Request) -> Response:
        """Tell which users the new system serves, for a producer that still sends mail of its own.

        Ask before you publish; name those who are enabled as the event's recipients, and send the legacy mail to all
        others. So nobody is served by both, and nobody by neither. Users whom we do not know are not enabled.

        The kill switch does not show here: an event that it holds still comes by the new system when it is released, so
        a legacy mail meanwhile would be the second.
        """
        given = Asked.read(request)["users"]
        enabled = _enabled({user_id for text in given if (user_id := user_ids.parse(text))})
        return Response({"enabled": [text for text in given if user_ids.parse(text) in enabled]})


def _enabled(asked: Collection[UUID]) -> set[UUID]:
    current = rollout.current()
    known = User.objects.filter(id__in=asked).values_list("id", flat=True)
    return {user_id for user_id in known if current.includes(user_id)}

"""What the notification calls take and answer (spec §2)."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from notifications import cursors, ids, inbox_queries
from notifications.inbox import Status
from preferences.api_input import Body, OneOf, Query, QueryInteger, Text
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

_ID: Final = {"type": "string", "pattern": f"^{ids.PATTERN.pattern}$"}

ID_IN_PATH: Final = OpenApiParameter(
    "notification_id", OpenApiTypes.STR, OpenApiParameter.PATH, pattern=_ID["pattern"], description="ntf_…"
)


def _unread_count() -> serializers.IntegerField:
    most = inbox_queries.MOST_COUNTED
    return serializers.IntegerField(min_value=0, max_value=most, help_text=f"{most}: so many, or more.")


@extend_schema_field(_ID)
class NotificationId(Text):
    """A string of the form of a notification id."""

    default_error_messages = {"form": "must be a notification id: ntf_ and 16 characters"}

    def to_internal_value(self, data: Any) -> str:
        """Return the id. Raises ValidationError."""
        text = super().to_internal_value(data)
        if not ids.is_notification_id(text):
            self.fail("form")
        return text


@extend_schema_field({"type": "string", "pattern": "^[^\\u0000]+$"})
class UndoId(Text):
    """A string without NUL; whether it is an undo's is seen when it is used."""


class Cursor(Text):
    """A string of the form of a cursor; whether it is from this list is seen when it is used."""

    def to_internal_value(self, data: Any) -> str:
        """Return the cursor. Raises ValidationError."""
        text = super().to_internal_value(data)
        try:
            cursors.read(text)
        except cursors.InvalidCursor as error:
            raise serializers.ValidationError(str(error)) from error
        return text


# --- Taken ---------------------------------------------------------------------------------------------------


class ListQuery(Query):
    """Which part of the list."""

    status = OneOf(Status, default=Status.ALL.value)
    limit = QueryInteger(min_value=1, max_value=100, default=25)
    cursor = Cursor(required=False, help_text="The `cursor` of the page before, with the same `status`.")


class ReadAll(Body):
    """Up to which notification; without it everything."""

    up_to = NotificationId(required=False, help_text="What was stored after this one stays unread.")


class UndoReadAll(Body):
    """Which call is taken back."""

    undo_id = UndoId(help_text="From the answer of that call, within 60 seconds.")


# --- Answered ------------------------------------------------------------------------------------------------


class Actor(serializers.Serializer[Any]):
    """Who did it."""

    id = serializers.RegexField("^usr_[0-9a-f]{32}$")
    name = serializers.CharField()
    avatar_url = serializers.CharField(allow_null=True)


class About(serializers.Serializer[Any]):
    """What it is about."""

    type = serializers.CharField()
    id = serializers.CharField()
    url = serializers.CharField(allow_null=True, help_text="A path, or https on an allowed host.")
    title = serializers.CharField(allow_null=True)


class Notification(serializers.Serializer[Any]):
    """One notification, as on the socket."""

    id = NotificationId()
    type = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField(allow_blank=True)
    actor = Actor(allow_null=True)
    resource = About(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ChannelExplanation(serializers.Serializer[Any]):
    """What was decided for one channel."""

    channel = serializers.ChoiceField([channel.value for channel in Channel])
    outcome = serializers.ChoiceField([outcome.value for outcome in Outcome])
    reason = serializers.ChoiceField([reason.value for reason in Reason])
    sentence = serializers.CharField()


class Explanation(serializers.Serializer[Any]):
    """Why you got a notification; `channels` is empty once the decision is pruned."""

    id = NotificationId()
    sentence = serializers.CharField()
    channels = ChannelExplanation(many=True)


class NotificationPage(serializers.Serializer[Any]):
    """A page of the list, newest first; on the last one `has_more` is false and `cursor` null."""

    notifications = Notification(many=True)
    cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()
    unread_count = _unread_count()


class MarkedRead(serializers.Serializer[Any]):
    """When it was read first."""

    id = NotificationId()
    read_at = serializers.DateTimeField()


class MarkedUnread(serializers.Serializer[Any]):
    """Not read any more."""

    id = NotificationId()
    read_at = serializers.DateTimeField(allow_null=True, help_text="Always null.")


class MarkedAll(serializers.Serializer[Any]):
    """How many were marked, how many stay unread, and what takes it back."""

    updated = serializers.IntegerField(min_value=0)
    unread_count = _unread_count()
    undo_id = serializers.CharField()


class Unread(serializers.Serializer[Any]):
    """How many are unread now."""

    unread_count = _unread_count()


class Bell(serializers.Serializer[Any]):
    """Whether to show the bell, with what on it, and where its socket is."""

    enabled = serializers.BooleanField(help_text="False: not in the rollout, or switched off.")
    unread_count = _unread_count()
    websocket_url = serializers.RegexField("^wss?://")

"""The notification calls (spec §2)."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict

from django.conf import settings
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import api_shapes, cursors, ids, inbox, marking
from notifications.inbox import Position, Status
from notifications.tracing import own_explanation
from preferences import rollout
from preferences.api_calls import ApiView, call
from preferences.api_errors import ErrorCode, InvalidRequest, Missing

_NO_UNDO = f"is unknown, or its {marking.UNDO_WINDOW.seconds} seconds are over"


class NotificationList(ApiView):
    """/api/v1/notifications."""

    @call(
        "list_notifications",
        per_minute=60,
        query=api_shapes.ListQuery,
        answer=api_shapes.NotificationPage,
    )
    def get(self, request: Request) -> Response:
        """Your notifications, newest first. A cursor stays in its place while rows arrive or are read."""
        query = api_shapes.ListQuery.read(request)
        status = Status(query["status"])
        page = inbox.page(
            self.user.id, status=status, limit=query["limit"], after=self._place(query.get("cursor"), status)
        )
        return Response(
            {
                "notifications": [item.as_json() for item in page.items],
                "cursor": page.next and cursors.encode(page.next, user_id=self.user.id, status=status),
                "has_more": page.next is not None,
                "unread_count": inbox.unread_count(self.user.id),
            }
        )

    def _place(self, cursor: str | None, status: Status) -> Position | None:
        if cursor is None:
            return None
        try:
            return cursors.decode(cursor, user_id=self.user.id, status=status)
        except cursors.InvalidCursor as error:
            raise InvalidRequest({"cursor": str(error)}) from error


class NotificationDetail(ApiView):
    """/api/v1/notifications/{notification_id}."""

    @call(
        "get_notification",
        per_minute=120,
        parameters=[api_shapes.ID_IN_PATH],
        answer=api_shapes.Notification,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def get(self, request: Request, notification_id: str) -> Response:
        """One notification of yours."""
        with _or_not_found():
            item = inbox.get(self.user.id, _well_formed(notification_id))
        if item is None:
            raise NotFound
        return Response(item.as_json())


class Explanation(ApiView):
    """/api/v1/notifications/{notification_id}/explanation."""

    @call(
        "explain_notification",
        per_minute=60,
        parameters=[api_shapes.ID_IN_PATH],
        answer=api_shapes.Explanation,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def get(self, request: Request, notification_id: str) -> Response:
        """Why you got this notification."""
        with _or_not_found():
            explanation = own_explanation.explain(self.user.id, _well_formed(notification_id))
        if explanation is None:
            raise NotFound
        channels = [asdict(channel) for channel in explanation.channels]
        return Response({"id": notification_id, "sentence": explanation.sentence, "channels": channels})


class Read(ApiView):
    """/api/v1/notifications/{notification_id}/read."""

    @call(
        "mark_read",
        per_minute=120,
        parameters=[api_shapes.ID_IN_PATH],
        answer=api_shapes.MarkedRead,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def patch(self, request: Request, notification_id: str) -> Response:
        """Mark as read. Again changes nothing: the first time stays."""
        with _or_not_found():
            read_at = marking.mark_read(self.user.id, _well_formed(notification_id))
        return Response({"id": notification_id, "read_at": inbox.show_time(read_at)})


class Unread(ApiView):
    """/api/v1/notifications/{notification_id}/unread."""

    @call(
        "mark_unread",
        per_minute=120,
        parameters=[api_shapes.ID_IN_PATH],
        answer=api_shapes.MarkedUnread,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def patch(self, request: Request, notification_id: str) -> Response:
        """Mark as not read."""
        with _or_not_found():
            marking.mark_unread(self.user.id, _well_formed(notification_id))
        return Response({"id": notification_id, "read_at": None})


class ReadAll(ApiView):
    """/api/v1/notifications/read-all."""

    @call(
        "mark_all_read",
        per_minute=30,
        takes=api_shapes.ReadAll,
        answer=api_shapes.MarkedAll,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        """Mark everything as read, or everything up to one notification."""
        up_to = api_shapes.ReadAll.read(request).get("up_to")
        with _or_not_found(up_to="is no notification of yours"):
            marked = marking.mark_all_read(self.user.id, up_to=up_to)
        return Response({"updated": marked.updated, "unread_count": marked.unread_count, "undo_id": marked.undo_id})


class UndoReadAll(ApiView):
    """/api/v1/notifications/read-all/undo."""

    @call(
        "undo_mark_all_read",
        per_minute=30,
        takes=api_shapes.UndoReadAll,
        answer=api_shapes.Unread,
        refuses=[ErrorCode.NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        """Take marking everything as read back: what it marked is unread again."""
        undo_id = api_shapes.UndoReadAll.read(request)["undo_id"]
        with _or_not_found(undo_id=_NO_UNDO):
            unread_count = marking.undo_mark_all(self.user.id, undo_id)
        return Response({"unread_count": unread_count})


class Bell(ApiView):
    """/api/v1/notifications/bell."""

    @call("get_bell", per_minute=60, answer=api_shapes.Bell)
    def get(self, request: Request) -> Response:
        """Whether to show the bell, the number on it, and the address of its socket."""
        return Response(
            {
                "enabled": rollout.current().shows_bell(self.user.id),
                "unread_count": inbox.unread_count(self.user.id),
                "websocket_url": _websocket_url(),
            }
        )


@contextlib.contextmanager
def _or_not_found(**details: str) -> Iterator[None]:
    """Answer 404 alike for what is unknown, another user's, or too late; `details` name the field that says it."""
    try:
        yield
    except (inbox.UnknownNotification, marking.InvalidUndo) as error:
        raise Missing(details) from error


def _well_formed(notification_id: str) -> str:
    if not ids.is_notification_id(notification_id):
        raise inbox.UnknownNotification(notification_id)
    return notification_id


def _websocket_url() -> str:
    return "ws" + str(settings.PUBLIC_URL).removeprefix("http") + "/ws/notifications"

"""Addresses of what happened and of the inbox."""

from django.urls import URLPattern, path

from notifications import api, health
from notifications.event_api import Events

_NOTIFICATIONS = "api/v1/notifications"

urlpatterns: list[URLPattern] = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/events", Events.as_view()),
    path(_NOTIFICATIONS, api.NotificationList.as_view()),
    path(f"{_NOTIFICATIONS}/bell", api.Bell.as_view()),
    path(f"{_NOTIFICATIONS}/read-all", api.ReadAll.as_view()),
    path(f"{_NOTIFICATIONS}/read-all/undo", api.UndoReadAll.as_view()),
    # Any text, so that a malformed id is refused like an unknown one: after the token, with the same 404.
    path(f"{_NOTIFICATIONS}/<str:notification_id>", api.NotificationDetail.as_view()),
    path(f"{_NOTIFICATIONS}/<str:notification_id>/explanation", api.Explanation.as_view()),
    path(f"{_NOTIFICATIONS}/<str:notification_id>/read", api.Read.as_view()),
    path(f"{_NOTIFICATIONS}/<str:notification_id>/unread", api.Unread.as_view()),
]

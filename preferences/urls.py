"""Addresses of who wants what, of their devices, of the way out of mail, and of the API's documentation."""

from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter
from drf_spectacular.views import SpectacularSwaggerSplitView

from preferences import unsubscribe, unsubscribe_page
from preferences.api import Preferences
from preferences.openapi_page import Document
from preferences.push_tokens_api import PushToken, PushTokens
from preferences.rollout_api import Rollout


class TextConverter(StringConverter):
    """Any text at all; Django's `path` ends at a line break, which would make an address of nobody's out of ours."""

    regex = "(?s:.+)"


register_converter(TextConverter, "text")

urlpatterns: list[URLPattern] = [
    path("api/v1/notifications/preferences", Preferences.as_view()),
    path("api/v1/rollout", Rollout.as_view()),
    path("api/v1/push-tokens", PushTokens.as_view()),
    path("api/v1/push-tokens/<text:device_id>", PushToken.as_view()),  # printable ASCII, a slash too
    path(f"{unsubscribe.PATH}<str:token>", unsubscribe_page.page),
    path("api/schema", Document.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view()),  # split: the page holds no script of its own (CSP)
]

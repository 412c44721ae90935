"""Addresses of the product; each app keeps its own list."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from preferences import api_errors

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("preferences.urls")),  # before the inbox, which takes any other word for an id
    path("", include("delivery.urls")),
    path("", include("notifications.urls")),
]
if settings.DEMO:
    urlpatterns.append(path("", include("devstack.demo.urls")))

# What Django answers outside of the views is JSON too under /api/.
handler400 = api_errors.bad_request
handler403 = api_errors.permission_denied
handler404 = api_errors.not_found
handler500 = api_errors.server_error

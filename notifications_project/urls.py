"""Addresses of the product; each app keeps its own list."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("", include("notifications.urls")),
    path("", include("preferences.urls")),
]
if settings.DEMO:
    urlpatterns.append(path("", include("devstack.demo.urls")))

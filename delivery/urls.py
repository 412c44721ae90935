"""Addresses that providers call."""

from django.urls import URLPattern, path

from delivery import api

urlpatterns: list[URLPattern] = [
    path("webhooks/ses", api.ses_feedback),
]

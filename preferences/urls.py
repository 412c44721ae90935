"""Addresses of who wants what."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []

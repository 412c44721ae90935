"""Addresses of what happened and of the inbox."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []

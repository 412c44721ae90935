"""Wiring. The Celery application is loaded with it, so that every process can call workers."""

from notifications_project.celery import app as celery_app

__all__ = ["celery_app"]

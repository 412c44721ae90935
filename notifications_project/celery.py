"""The Celery application: one SQS queue a channel, one worker a queue (Procfile)."""

import os
from typing import Any

import django
from celery import Celery, signals

from preferences import startup

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")

app = Celery("notifications")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def leave_logging_alone(**_: Any) -> None:
    """Keep what Django has set up: without a receiver Celery would set the root's level to that of `--loglevel`."""


@signals.celeryd_init.connect
@signals.beat_init.connect
def look_at_the_settings(**_: Any) -> None:
    """Have workers and beat refuse what `manage.py` would: Celery runs Django's checks and drops what they find."""
    django.setup(set_prefix=False)
    startup.begin()

"""ASGI entry: HTTP to Django, `/ws/notifications` to the bell's consumer."""

import logging
import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
logging.captureWarnings(True)  # a warning is a line of the log too
django.setup(set_prefix=False)  # loads the apps, which the code below needs

from notifications import head_limit  # noqa: E402
from notifications.http_handler import HttpHandler  # noqa: E402
from notifications.routing import websocket_urlpatterns  # noqa: E402
from preferences import startup  # noqa: E402
from telemetry import garbage  # noqa: E402

startup.begin()
head_limit.install()
application = ProtocolTypeRouter({"http": HttpHandler(), "websocket": URLRouter(websocket_urlpatterns)})
garbage.spare_what_is_loaded()

"""ASGI entry: HTTP to Django, `/ws/notifications` to the bell's consumer."""

import logging
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
logging.captureWarnings(True)  # a warning is a line of the log too
http = get_asgi_application()  # loads the apps, which the socket's code needs below

from notifications.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})

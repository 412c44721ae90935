"""Addresses of the sockets."""

from channels.security.websocket import WebsocketDenier
from django.urls import URLPattern, URLResolver, path, re_path

from notifications.consumers import BellConsumer
from notifications.sockets.displays import Displays
from notifications.sockets.watch import SocketWatch

websocket_urlpatterns: list[URLPattern | URLResolver] = [
    path("ws/notifications", BellConsumer.as_asgi(watch=SocketWatch(), displays=Displays())),
    re_path("", WebsocketDenier.as_asgi()),  # elsewhere: HTTP 403, where Channels would log a traceback
]

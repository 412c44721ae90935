"""The demo gives a token to whoever asks, so nobody but this machine may reach it (spec §11)."""

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning


def check_demo_is_local(**_: Any) -> Sequence[CheckMessage]:
    """Find what would show the demo to others. It runs on plain http, so the SECURE_* settings guard nothing here."""
    problems: list[CheckMessage] = []
    if not _is_loopback(settings.BIND_ADDRESS):
        problems.append(
            Error(
                f"DEMO is on, and the web process would listen on {settings.BIND_ADDRESS!r}.",
                hint="The demo gives everyone a token. Set BIND_ADDRESS=127.0.0.1, or DEMO=0.",
                id="demo.E001",
            )
        )
    if not _is_loopback(urlsplit(settings.PUBLIC_URL).hostname or ""):
        problems.append(
            Warning(
                "DEMO is on, and PUBLIC_URL names another host than this one.",
                hint="A proxy in front of the demo gives everyone a token. Set PUBLIC_URL to a loopback address.",
                id="demo.W001",
            )
        )
    return problems


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""What reached somebody from outside of the app: pushes on each phone, and mails."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from html import unescape
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import strip_tags

from devstack.demo.journals import Entry, Journal, fetch
from preferences import push_tokens
from preferences.models import User
from preferences.push_tokens import Device, Platform

_MOST_MAILS: Final = 8
_EXCERPT: Final = 140  # characters
_BEGINNING: Final = 1_000  # characters of markup, enough for a preheader
#: Where a preheader ends, and what keeps the mail's text away from it begins.
_FILLING: Final = "\u034f"
#: Where each platform's simulator is; a variable of the stack, and none of the product's settings.
_SIMULATORS: Final = {Platform.IOS: "APNS_SIMULATOR_URL", Platform.ANDROID: "FCM_SIMULATOR_URL"}
_MAILBOX: Final = "MAILBOX_URL"


@dataclass(frozen=True, slots=True)
class Push:
    """A push as its phone shows it."""

    id: str  # of the notification; a push with the same one takes the place of the first
    title: str
    body: str
    url: str  # where a tap leads; empty: to the app
    badge: int
    at: str  # ISO 8601, UTC


def arrived(user: User) -> dict[str, Any]:
    """Return, as JSON, the user's phones with their pushes, and the user's mails; newest first. Raises Away."""
    phones = [_phone(device) for device in push_tokens.devices(user.push_tokens)]
    return {"phones": phones, "mails": _mails(user.email or "")}


def _phone(device: Device) -> dict[str, Any]:
    url = os.environ.get(_SIMULATORS[device.platform], "")
    pushes = _latest(map(_READERS[device.platform], _journal(url).taken(device.token) if url else ()))
    return {
        "platform": device.platform,
        "device_id": device.device_id,
        "badge": pushes[0].badge if pushes else 0,
        "pushes": [asdict(push) for push in pushes],
    }


@lru_cache
def _journal(url: str) -> Journal:
    return Journal(url)


def _latest(pushes: Iterable[Push]) -> list[Push]:
    """Return the newest of each notification, newest first."""
    shown: dict[str, Push] = {}
    for push in pushes:
        shown.pop(push.id, None)
        shown[push.id] = push
    return list(reversed(shown.values()))


# --- In the words of each provider ---------------------------------------------------------------------------


def _from_apns(entry: Entry) -> Push:
    payload = entry["payload"]
    aps = payload["aps"]
    return _push(entry, payload, texts=aps.get("alert", {}), badge=aps.get("badge", 0))


def _from_fcm(entry: Entry) -> Push:
    message = entry["payload"]["message"]
    badge = message.get("android", {}).get("notification", {}).get("notification_count", 0)
    return _push(entry, message.get("data", {}), texts=message.get("notification", {}), badge=badge)


def _push(entry: Entry, data: Mapping[str, Any], *, texts: Mapping[str, str], badge: int) -> Push:
    return Push(
        id=data.get("notification_id", ""),
        title=texts.get("title", ""),
        body=texts.get("body", ""),
        url=data.get("url", ""),
        badge=badge,
        at=entry["received_at"],
    )


_READERS: Final[Mapping[Platform, Callable[[Entry], Push]]] = {
    Platform.IOS: _from_apns,
    Platform.ANDROID: _from_fcm,
}


# --- Mail ----------------------------------------------------------------------------------------------------


def _mails(address: str) -> list[dict[str, str]]:
    url = os.environ.get(_MAILBOX, "")
    if not (url and address):
        return []
    mails = fetch(f"{url}?{urlencode({'to': address, 'limit': _MOST_MAILS})}")
    return [_mail(mail) for mail in reversed(mails)]


def _mail(mail: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": mail["id"],
        "subject": mail["subject"],
        "excerpt": _excerpt(mail),
        "url": reverse("demo-mail", args=[mail["id"]]),
        "at": mail["received_at"],
    }


def _excerpt(mail: Mapping[str, Any]) -> str:
    """Return what mail programs show below the subject: the preheader, or else how the text begins."""
    _, _, body = mail["html"].partition("<body")
    preheader, filling, _ = unescape(strip_tags(f"<body{body[:_BEGINNING]}")).partition(_FILLING)
    shown = preheader if filling else mail["text"].removeprefix(mail["subject"])
    return " ".join(shown.split())[:_EXCERPT]

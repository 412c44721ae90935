"""People and secrets that can be recognised, and everything that goes wrong on the way of an event to them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from devstack.waiting import wait_until
from preferences import push_tokens
from preferences.authentication import issue_service_token, issue_token
from preferences.models import User
from tests.cloudevents import event_for

PATIENCE = 90  # seconds; on a busy machine
ADDRESS = "zoraida.quintanilla@example.com"
IPHONE, ANDROID = "abcdef0123456789" * 4, "planted-fcm-token"
#: What is planted, and must not come out.
PLANTED = (
    *("Zoraida", "Quintanilla", "zoraida", "Wolpertinger", "Mandelbrot"),
    *(IPHONE, ANDROID, "token-planted", "device-planted", "password-planted"),
)
#: Of SES, and of FCM and APNs meanwhile; with a text that quotes whom it was for.
_REFUSALS = {"reset": "reset", "error": "error", "reject": "dead_token"}
_QUOTE = f"{ADDRESS} {IPHONE} {ANDROID} is not verified: Breed the Wolpertinger"


def zoraida() -> User:
    """Somebody with a mailbox and two phones, who wants everything at once."""
    user = User.objects.create_user(ADDRESS, name="Zoraida Quintanilla")
    wanted = {"email_digest": "immediate", "preferences": {"mentioned": {"email": True, "push": True}}}
    User.objects.filter(id=user.id).update(notification_preferences=wanted)
    for platform, token in ((push_tokens.Platform.IOS, IPHONE), (push_tokens.Platform.ANDROID, ANDROID)):
        push_tokens.register(user.id, platform=platform, token=token, device_id=f"device-planted-{platform}")
    return user


def secrets_of(person: User) -> list[str]:
    """All that neither a line, nor a datagram, nor a refusal may hold."""
    tokens = [part for token in (issue_token(person), issue_service_token("tasks")) for part in token.split(".")[1:]]
    keys = [os.environ[name] for name in ("SECRET_KEY", "JWT_SECRET", "APNS_KEY", "FCM_SERVICE_ACCOUNT_JSON")]
    passwords = [urlsplit(os.environ[name]).password or "" for name in ("DATABASE_URL", "REDIS_URL")]
    return [*PLANTED, str(person.id), person.id.hex, *tokens, *keys, *passwords]


def happening(person: User, id_: str, *, title: str = "Breed the Wolpertinger", **changes: Any) -> str:
    """Somebody who is in no list mentions the person."""
    task = {"type": "task", "id": "tsk_1", "url": "/tasks/1", "title": title}
    data = {"resource": task, "params": {"excerpt": "Mandelbrot"}}
    return json.dumps(event_for(person, **{"id": id_, "type": "mentioned", "data": data, **changes}))


@contextmanager
def altered(change: str, back: str) -> Iterator[None]:
    """The database as it should not be."""
    with connection.cursor() as cursor:
        cursor.execute(change)
        try:
            yield
        finally:
            cursor.execute(back)


def fail_at_every_provider(mailbox: Any, phones: list[Any], queue: Any, person: User) -> None:
    """Have SES, FCM and APNs refuse in each of their ways; the last one stays."""
    for kind, of_phones in _REFUSALS.items():
        mailbox.fail(kind, message=_QUOTE)
        for provider in phones:
            provider.fail(of_phones, message=_QUOTE)
        queue.send([happening(person, f"evt-{kind}")])
        assert wait_until(lambda: all(map(_was_hit, [mailbox, *phones])), seconds=PATIENCE), kind


def _was_hit(provider: Any) -> bool:
    return any(fault["hits"] for fault in provider.http.get("/_faults").json())


# --- What the web process refuses ------------------------------------------------------------------------------


def refusals(base_url: str, person: User) -> Iterator[httpx.Response]:
    """Ask for what is refused, with something planted in each part of a request in turn."""
    user, service = (
        {"Authorization": f"Bearer {token}"} for token in (issue_token(person), issue_service_token("tasks"))
    )
    api = "/api/v1/notifications"
    with httpx.Client(base_url=base_url) as http:
        yield http.get(api, headers={"Authorization": "Bearer token-planted"})
        yield http.get(api, headers={"Authorization": f"{user['Authorization']}planted"})
        yield http.get(api, headers={**user, "Host": "zoraida.example.com"})
        yield http.get(f"{api}/Wolpertinger?name=Quintanilla", headers=user)
        yield http.get(f"{api}?cursor=Wolpertinger", headers=user)
        yield http.put(f"{api}/preferences", headers=user, content=b'{"email_digest": Wolpertinger')
        yield http.put(f"{api}/preferences", headers=user, json={"timezone": "Zoraida/Quintanilla"})
        yield http.post(
            "/api/v1/push-tokens", headers=user, json={"platform": "ios", "token": [IPHONE], "device_id": 1}
        )
        yield http.post("/api/v1/events", headers=user, content=happening(person, "evt-not-a-service"))
        yield http.post("/api/v1/events", headers=service, content="Zoraida {")
        yield http.post("/webhooks/ses", json={"Type": "Notification", "Message": _QUOTE, "Token": "token-planted"})
        yield http.get("/email/unsubscribe/token-planted")
        yield http.post("/email/unsubscribe/token-planted", data={"name": "Zoraida"})
        yield http.post("/admin/login/", data={"username": ADDRESS, "password": "password-planted"})
        yield http.get(f"/{ADDRESS}/Wolpertinger")
        with altered("ALTER TABLE notifications RENAME TO away", "ALTER TABLE away RENAME TO notifications"):
            yield http.get(api, headers=user)


def socket_refusals(websocket_url: str, person: User) -> Iterator[str]:
    """What the socket says to a token and to messages that are nothing to it."""
    for token in ("token-planted", issue_token(person)):
        with connect(websocket_url, subprotocols=["bearer", token]) as socket:  # type: ignore[list-item]  # plain text
            yield from _answers(
                socket, ["Zoraida {", '{"type": "Wolpertinger"}', '{"type": "resume", "after": "Zoraida"}']
            )


def _answers(socket: Any, messages: list[str]) -> Iterator[str]:
    try:
        for message in messages:
            socket.send(message)
            yield str(socket.recv(timeout=PATIENCE))
    except ConnectionClosed as closed:
        yield str(closed)

"""Calls of the REST API as a browser or an app makes them, through Django's whole stack but the server."""

import itertools
from typing import Any

import orjson
from django.test import Client

from preferences.authentication import issue_token
from preferences.models import User

NOTIFICATIONS = "/api/v1/notifications"
PREFERENCES = f"{NOTIFICATIONS}/preferences"
PUSH_TOKENS = "/api/v1/push-tokens"
#: Every call that is a user's own.
CALLS_OF_USERS = [
    ("GET", NOTIFICATIONS),
    ("GET", f"{NOTIFICATIONS}/ntf_0"),
    ("GET", f"{NOTIFICATIONS}/ntf_0/explanation"),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/read"),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/unread"),
    ("POST", f"{NOTIFICATIONS}/read-all"),
    ("POST", f"{NOTIFICATIONS}/read-all/undo"),
    ("GET", f"{NOTIFICATIONS}/bell"),
    ("GET", PREFERENCES),
    ("PUT", PREFERENCES),
    ("PATCH", PREFERENCES),
    ("POST", PUSH_TOKENS),
    ("DELETE", f"{PUSH_TOKENS}/phone"),
]
_addresses = (f"203.0.113.{number % 250}" for number in itertools.count(1))  # each caller fails on its own account


class Caller:
    """Someone with a token, or with whatever `authorization` says."""

    def __init__(self, user: User | None = None, *, authorization: str = "", address: str = "") -> None:
        header = f"Bearer {issue_token(user)}" if user else authorization
        self._client = Client(raise_request_exception=False)
        self._environ = {"REMOTE_ADDR": address or next(_addresses)}
        if header:
            self._environ["HTTP_AUTHORIZATION"] = header

    def __call__(self, method: str, path: str, body: Any = None, **environ: Any) -> Any:
        """Return the response. `body` becomes JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        environ = {"content_type": "application/json", **self._environ, **environ}
        return self._client.generic(method, path, data, **environ)

    def get(self, path: str = NOTIFICATIONS, **environ: Any) -> Any:
        return self("GET", path, **environ)

    def patch(self, path: str, body: Any = None) -> Any:
        return self("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self("PUT", path, body)

    def post(self, path: str, body: Any = None) -> Any:
        return self("POST", path, body)


def refusal(response: Any) -> tuple[int, str]:
    """Return status and code of an error that has the documented form."""
    error = response.json()["error"]
    assert response.json().keys() == {"error"}
    assert error.keys() == {"code", "message", "details"}
    assert response["Content-Type"] == "application/json"
    return response.status_code, error["code"]


def details(response: Any) -> dict[str, str]:
    """Return what a 400 says about each field."""
    assert refusal(response) == (400, "INVALID_REQUEST")
    found: dict[str, str] = response.json()["error"]["details"]
    return found

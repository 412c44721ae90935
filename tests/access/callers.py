"""Who may knock: tokens that are good for somebody, and those that are good for nobody."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from preferences import user_ids
from preferences.authentication import issue_service_token, issue_token
from preferences.models import User
from preferences.service_tokens import SCOPE


def claims(user: User, **changes: Any) -> dict[str, Any]:
    """What a good token of the user says, with changes; those that are None are left out."""
    usual = {
        "sub": user_ids.show(user.id),
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "exp": int(time.time()) + 3600,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def written(payload: Any, *, header: Mapping[str, Any] | None = None, secret: str | bytes | None = None) -> str:
    """A token as nobody's library would write it: any JSON text or value inside, signed with HMAC all the same."""
    usual = {"alg": "HS256", "typ": "JWT"}
    body = payload if isinstance(payload, str) else json.dumps(payload)
    signed = f"{_base64url(json.dumps({**usual, **(header or {})}).encode())}.{_base64url(body.encode())}"
    key = settings.JWT_SECRET if secret is None else secret
    signature = hmac.digest(key if isinstance(key, bytes) else key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64url(signature)}"


def good_for_nobody(user: User) -> dict[str, str]:
    """Values of the Authorization header, each with one thing wrong."""
    signature = issue_token(user).rpartition(".")[2]
    return {
        "no token": "",
        "no bearer token": "Basic YWxpY2U6c2VjcmV0",
        "garbage": "Bearer garbage",
        "expired": f"Bearer {written(claims(user, exp=int(time.time()) - 1))}",
        "for another audience": f"Bearer {written(claims(user, aud='billing'))}",
        "of another issuer": f"Bearer {written(claims(user, iss='https://auth.evil.example'))}",
        "of another secret": f"Bearer {written(claims(user), secret='secret' * 8)}",
        "without a signature": f"Bearer {issue_token(user).removesuffix(signature)}",
        "of nobody": f"Bearer {written(claims(user, sub='usr_' + 32 * 'f'))}",
        "of a service without the scope": f"Bearer {written(claims(user, sub='tasks', scope='events:read'))}",
    }


def bearer(user: User) -> str:
    """The Authorization header of a user."""
    return f"Bearer {issue_token(user)}"


def service_bearer(name: str = "tasks") -> str:
    """The Authorization header of a producer service."""
    assert SCOPE == "events:write"
    return f"Bearer {issue_service_token(name)}"


def routes(patterns: list[URLPattern | URLResolver] | None = None, *, below: str = "") -> dict[str, URLPattern]:
    """Every address of the URL configuration, as it is written there."""
    found: dict[str, URLPattern] = {}
    for each in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{below}{each.pattern}"
        found.update({route: each} if isinstance(each, URLPattern) else routes(each.url_patterns, below=route))
    return found


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

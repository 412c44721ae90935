"""Tokens as the Auth Service signs them."""

from datetime import timedelta
from typing import Any

import jwt
from django.utils import timezone
from pytest_django import Settings

from preferences import user_ids
from preferences.models import User


def claims(settings: Settings, whose: User | str, **changed: Any) -> dict[str, Any]:
    """What a good token of a user, or of the service with this name, says; None leaves a claim out."""
    usual = {
        "sub": whose if isinstance(whose, str) else user_ids.show(whose.id),
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "exp": timezone.now() + timedelta(hours=1),
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def signed(
    settings: Settings,
    whose: User | str,
    *,
    key: Any = None,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
    **changed: Any,
) -> str:
    """A token with those claims, under our shared secret unless another key is given."""
    return jwt.encode(claims(settings, whose, **changed), key or settings.JWT_SECRET, algorithm, headers)

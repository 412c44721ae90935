"""Secrets that are missing, or would protect nothing. Commands work without; no process begins, nor is deployed."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from preferences.algorithms import ASYMMETRIC, SYMMETRIC

_MAKE_ONE: Final = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
#: What Django itself asks of a key (its check security.W009).
_SHORTEST_KEY: Final = 50  # characters
_FEWEST_DIFFERENT: Final = 5
_FOR_DEVELOPMENT: Final = "django-insecure-"
_SHORTEST_JWT_SECRET: Final = 32  # bytes: RFC 7518, section 3.2


def check_secret_key(**_: Any) -> Sequence[CheckMessage]:
    """Find a key that anybody could guess, or none: it signs sessions and the links in mails."""
    if all(map(_is_strong, [_secret_key(), *settings.SECRET_KEY_FALLBACKS])):
        return []
    problem = "SECRET_KEY, or one of SECRET_KEY_FALLBACKS, is missing, short or made for development."
    return [Error(problem, hint=_MAKE_ONE, id="preferences.E008")]


def check_token_keys(**_: Any) -> Sequence[CheckMessage]:
    """Find what users' tokens could not be checked with. With introspection the Auth Service's word is enough."""
    return [] if settings.AUTH_INTROSPECTION_URL else [*_wrong_token_keys()]


def _wrong_token_keys() -> Iterator[CheckMessage]:
    if settings.JWT_ALGORITHM not in {SYMMETRIC, *ASYMMETRIC}:
        yield Error("JWT_ALGORITHM is not HS256, RS256 or ES256.", id="preferences.E009")
    if settings.JWT_ALGORITHM == SYMMETRIC and len(settings.JWT_SECRET.encode()) < _SHORTEST_JWT_SECRET:
        yield Error("JWT_SECRET is missing, or shorter than 32 bytes.", hint=_MAKE_ONE, id="preferences.E010")
    if settings.JWT_ALGORITHM in ASYMMETRIC and not settings.JWT_JWKS_URL:
        hint = "Set it to where the Auth Service publishes its keys, or set AUTH_INTROSPECTION_URL."
        yield Error("JWT_JWKS_URL is missing.", hint=hint, id="preferences.E011")
    if not (settings.JWT_ISSUER and settings.JWT_AUDIENCE):
        hint = "Without them a token that was made for another service would do."
        yield Error("JWT_ISSUER or JWT_AUDIENCE is missing.", hint=hint, id="preferences.E012")


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django's word for an empty one
        return ""


def _is_strong(key: str) -> bool:
    is_random = len(key) >= _SHORTEST_KEY and len(set(key)) >= _FEWEST_DIFFERENT
    return is_random and not key.startswith(_FOR_DEVELOPMENT)

"""Bearer token -> User, for REST and WebSocket alike (spec §2 "Auth")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone

from preferences import user_ids
from preferences.key_set import KeySet, KeySetUnavailable
from preferences.models import User

SYMMETRIC = "HS256"
ASYMMETRIC = frozenset({"RS256", "ES256"})
_REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
_LONGEST_TOKEN = 8192  # characters


class InvalidToken(Exception):
    """Missing, damaged, expired, not meant for us, or nobody's: HTTP 401, close code 4401."""


class AuthenticationUnavailable(Exception):
    """There is nothing to check a token against just now: HTTP 503, never "allow"."""


class CannotIssueTokens(Exception):
    """Tokens come from the Auth Service here; only a shared secret (HS256) lets us sign one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, and until when (aware, UTC)."""

    user: User
    expires_at: datetime


def authenticate(token: str) -> Identity:
    """Return whose token this is. Raises InvalidToken, or AuthenticationUnavailable."""
    claims = _verified_claims(token)
    user_id = user_ids.parse(claims["sub"])
    if user_id is None:
        raise InvalidToken("its subject is no user id")
    user = User.objects.defer("password", "push_tokens").filter(id=user_id, is_active=True).first()
    if user is None:
        raise InvalidToken("nobody's")
    return Identity(user, _expiry(claims))


def issue_token(user: User, *, lifetime: timedelta = timedelta(hours=12)) -> str:
    """Sign a token as the Auth Service would. Raises CannotIssueTokens unless tokens are signed with HS256."""
    if settings.JWT_ALGORITHM != SYMMETRIC or not settings.JWT_SECRET:
        raise CannotIssueTokens
    now = timezone.now()
    claims = {
        "sub": user_ids.show(user.id),
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=SYMMETRIC)


def _verified_claims(token: str) -> Mapping[str, Any]:
    """Check signature, issuer, audience and times. The algorithm is ours, whatever the header says."""
    if not (settings.JWT_ISSUER and settings.JWT_AUDIENCE):
        raise AuthenticationUnavailable("JWT_ISSUER and JWT_AUDIENCE are not set")
    if len(token) > _LONGEST_TOKEN:
        raise InvalidToken("too long")
    try:
        return jwt.decode(
            token,
            _key(token),
            algorithms=[settings.JWT_ALGORITHM],
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            options={"require": _REQUIRED_CLAIMS, "verify_iat": False},  # their clock may be ahead of ours
        )
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:  # the last three: odd JSON inside
        raise InvalidToken(type(error).__name__) from error


def _expiry(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidToken("expires beyond the calendar") from error


def _key(token: str) -> str | jwt.PyJWK:
    """Return what the signature is checked with. Raises InvalidToken, or AuthenticationUnavailable."""
    if settings.JWT_ALGORITHM == SYMMETRIC and settings.JWT_SECRET:
        return str(settings.JWT_SECRET)
    if settings.JWT_ALGORITHM in ASYMMETRIC and settings.JWT_JWKS_URL:
        return _published_key(jwt.get_unverified_header(token).get("kid"))
    raise AuthenticationUnavailable("JWT_ALGORITHM lacks its JWT_SECRET or JWT_JWKS_URL")


def _published_key(key_id: str | None) -> jwt.PyJWK:
    """Return the Auth Service's key with this id."""
    if not key_id:
        raise InvalidToken("names no key")
    try:
        return _key_set(settings.JWT_JWKS_URL).get_signing_key(key_id)
    except KeySetUnavailable as error:
        raise AuthenticationUnavailable("no key set") from error


@cache
def _key_set(url: str) -> KeySet:
    return KeySet(url)

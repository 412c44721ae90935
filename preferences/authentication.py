"""Bearer token -> user or service, for REST and WebSocket alike (spec §2 "Auth").

A token is vouched for by its signature or, when an introspection URL is set, by the Auth Service's word alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import jwt
import orjson
from django.conf import settings
from django.db import connection
from django.utils import timezone

from preferences import introspection, service_tokens, user_ids
from preferences.algorithms import ASYMMETRIC, SYMMETRIC
from preferences.claims import Claims
from preferences.introspection import IntrospectionUnavailable
from preferences.introspection_answer import InactiveToken
from preferences.key_set import KeySet, KeySetUnavailable
from preferences.models import User
from preferences.service_tokens import Service

_REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
_LONGEST_TOKEN = 8192  # characters
_ISSUED_FOR = timedelta(hours=12)
_ACTIVE_USER: Final = "SELECT id, is_active, notification_preferences FROM users WHERE id = %s AND is_active"
_LOADED: Final = ("id", "is_active", "notification_preferences")
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1


class InvalidToken(Exception):
    """Missing, damaged, expired, not meant for us, or nobody's: HTTP 401, close code 4401."""


class AuthenticationUnavailable(Exception):
    """There is nothing to check a token against just now: HTTP 503, never "allow"."""


class CannotIssueTokens(Exception):
    """Tokens come from the Auth Service here; only where its secret (HS256) is ours too may we sign one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, and until when (aware, UTC)."""

    user: User
    expires_at: datetime


def authenticate(token: str) -> Identity:
    """Return whose token this is; a service's is nobody's here. Raises InvalidToken, or AuthenticationUnavailable."""
    return user_of(verify(token))


def identify(token: str) -> Identity | Service:
    """Return the user or the service whose token this is. Raises InvalidToken, or AuthenticationUnavailable."""
    return whose(verify(token))


def verify(token: str) -> Claims:
    """Return what the token says, checked. Raises InvalidToken, or AuthenticationUnavailable.

    It may wait for the Auth Service, and never for PostgreSQL.
    """
    if len(token) > _LONGEST_TOKEN:
        raise InvalidToken("too long")
    return _introspected(token) if settings.AUTH_INTROSPECTION_URL else _decoded(token)


def costs_a_question(token: str) -> bool:
    """Whether to verify this token would put a question to the Auth Service."""
    return bool(settings.AUTH_INTROSPECTION_URL) and _may_be_asked(token) and not introspection.knows(token)


def user_of(claims: Claims) -> Identity:
    """Return the user that verified claims speak for. Raises InvalidToken."""
    caller = whose(claims)
    if isinstance(caller, Service):
        raise InvalidToken("a service's")
    return caller


def whose(claims: Claims) -> Identity | Service:
    """Return the user or the service that verified claims speak for. Raises InvalidToken.

    A subject that is a user's id means that user, whatever the token's scope.
    """
    user_id = user_ids.parse(claims.subject)
    if user_id is not None:
        return Identity(_active_user(user_id), claims.expires_at)
    service = service_tokens.read(claims)
    if service is None:
        raise InvalidToken("its subject is neither a user id nor a service that may publish")
    return service


def issue_token(user: User, *, lifetime: timedelta = _ISSUED_FOR) -> str:
    """Sign a token as the Auth Service would. Raises CannotIssueTokens where an HS256 signature is not what counts."""
    return _sign({"sub": user_ids.show(user.id)}, lifetime)


def issue_service_token(name: str, *, lifetime: timedelta = _ISSUED_FOR) -> str:
    """Sign a service's token, likewise."""
    return _sign({"sub": name, "scope": service_tokens.SCOPE}, lifetime)


def _sign(subject: Mapping[str, Any], lifetime: timedelta) -> str:
    if settings.AUTH_INTROSPECTION_URL or settings.JWT_ALGORITHM != SYMMETRIC or not settings.JWT_SECRET:
        raise CannotIssueTokens
    now = timezone.now()
    claims = {
        **subject,
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, settings.JWT_SECRET, algorithm=SYMMETRIC)


def _active_user(user_id: UUID) -> User:
    """Return the user with what the calls need; the rest is loaded when it is asked for. Raises InvalidToken.

    In SQL, since every call of the API begins here: the ORM costs ten times as much (docs/decisions/0016).
    """
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE_USER, [user_id])
        row = cursor.fetchone()
    if row is None:
        raise InvalidToken("nobody's")
    *plain, preferences = row
    return User.from_db(connection.alias, _LOADED, [*plain, orjson.loads(preferences)])


def _may_be_asked(token: str) -> bool:
    return len(token) <= _LONGEST_TOKEN and _BEARER.fullmatch(token) is not None


def _introspected(token: str) -> Claims:
    if not _may_be_asked(token):  # not worth a question
        raise InvalidToken("not of a token's form")
    try:
        return introspection.ask(token)
    except InactiveToken as error:
        raise InvalidToken(str(error)) from error
    except IntrospectionUnavailable as error:
        raise AuthenticationUnavailable(str(error)) from error


def _decoded(token: str) -> Claims:
    """Check signature, issuer, audience and times. The algorithm is ours, whatever the header says."""
    if not (settings.JWT_ISSUER and settings.JWT_AUDIENCE):
        raise AuthenticationUnavailable("JWT_ISSUER and JWT_AUDIENCE are not set")
    try:
        claims = jwt.decode(
            token,
            _key(token),
            algorithms=[settings.JWT_ALGORITHM],
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            options={"require": _REQUIRED_CLAIMS, "verify_iat": False},  # their clock may be ahead of ours
        )
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:  # the last three: odd JSON inside
        raise InvalidToken(type(error).__name__) from error
    return Claims(claims["sub"], claims.get("scope"), _expiry(claims))


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

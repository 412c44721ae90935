"""Asking an Auth Service about tokens."""

from datetime import timedelta
from typing import Any

from pytest_django import Settings

from preferences.circuit_breaker import CircuitBreaker
from preferences.introspection import Introspection, IntrospectionUnavailable
from preferences.introspection_endpoint import Endpoint
from tests.auth_service import CLIENT_ID, CLIENT_SECRET, AuthService

LIFE = timedelta(minutes=1)
UNKNOWN = "at-nobody-issued-this"


def introspect_at(settings: Settings, service: AuthService) -> None:
    settings.AUTH_INTROSPECTION_URL = service.url
    settings.AUTH_INTROSPECTION_CLIENT_ID = CLIENT_ID
    settings.AUTH_INTROSPECTION_CLIENT_SECRET = CLIENT_SECRET
    settings.AUTH_INTROSPECTION_READ_TIMEOUT = timedelta(seconds=0.4)


def introspecting(
    service: AuthService, *, life: timedelta = LIFE, secret: str = CLIENT_SECRET, **options: Any
) -> Introspection:
    """One with a memory and a breaker of its own."""
    endpoint = Endpoint(service.url, client_id=CLIENT_ID, client_secret=secret, connect=1, read=0.4)
    return Introspection(endpoint, life=life, **options)


def patient() -> CircuitBreaker:
    """One that never opens."""
    return CircuitBreaker(opens_after=1_000)


def is_unanswered(asking: Introspection, token: str) -> bool:
    try:
        asking.ask(token)
    except IntrospectionUnavailable:
        return True
    return False

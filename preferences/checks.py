"""Settings that would keep everybody or a producer out, or give tokens away: found before anybody calls."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

_HINT = 'Write JSON such as {"tasks": ["/services/tasks"]}: the `sub` of each service\'s tokens, and its sources.'
_LONGEST_CACHE: Final = timedelta(minutes=5)
_LONGEST_TIMEOUT: Final = timedelta(seconds=10)


def check_service_sources(**_: Any) -> Sequence[CheckMessage]:
    """Find services whose sources are no list of texts."""
    configured = settings.SERVICE_TOKEN_SOURCES
    if not isinstance(configured, dict):
        return [Error("SERVICE_TOKEN_SOURCES is no JSON object.", hint=_HINT, id="preferences.E001")]
    return [
        Error(f"SERVICE_TOKEN_SOURCES gives {name!r} no list of sources.", hint=_HINT, id="preferences.E002")
        for name, sources in configured.items()
        if not _are_sources(sources)
    ]


def check_key_set(**_: Any) -> Sequence[CheckMessage]:
    """Find an address of the Auth Service's keys where somebody on the way could put theirs."""
    if not settings.JWT_JWKS_URL or _is_safe_address(settings.JWT_JWKS_URL):
        return []
    return [
        Error(
            "JWT_JWKS_URL is no https address.",
            hint="Whoever can change that answer signs tokens for anybody. Plain http is for this machine alone.",
            id="preferences.E007",
        )
    ]


def check_introspection(**_: Any) -> Sequence[CheckMessage]:
    """Find what is wrong with the way to the Auth Service, if there is one."""
    return [*_wrong_introspection()] if settings.AUTH_INTROSPECTION_URL else []


def _wrong_introspection() -> Iterator[CheckMessage]:
    if not _is_safe_address(settings.AUTH_INTROSPECTION_URL):
        yield Error(
            "AUTH_INTROSPECTION_URL is no https address.",
            hint="Every token goes there. Plain http is for this machine alone; a password has a setting of its own.",
            id="preferences.E003",
        )
    if not (settings.AUTH_INTROSPECTION_CLIENT_ID and settings.AUTH_INTROSPECTION_CLIENT_SECRET):
        yield Error(
            "AUTH_INTROSPECTION_URL lacks its client.",
            hint="Set AUTH_INTROSPECTION_CLIENT_ID and AUTH_INTROSPECTION_CLIENT_SECRET, as the Auth Service knows us.",
            id="preferences.E004",
        )
    if not timedelta(0) < settings.AUTH_INTROSPECTION_CACHE <= _LONGEST_CACHE:
        yield Error(
            "AUTH_INTROSPECTION_CACHE_SECONDS is not between 0 and 300.",
            hint="So long a revoked token passes; each open socket asks that often.",
            id="preferences.E005",
        )
    for name in ("AUTH_INTROSPECTION_CONNECT_TIMEOUT", "AUTH_INTROSPECTION_READ_TIMEOUT"):
        if not timedelta(0) < getattr(settings, name) <= _LONGEST_TIMEOUT:
            yield Error(
                f"{name}_SECONDS is not between 0 and 10.",
                hint="So long each call of a user waits before it is refused.",
                id="preferences.E006",
            )


def _are_sources(sources: object) -> bool:
    return isinstance(sources, list) and all(isinstance(source, str) and source for source in sources)


def _is_safe_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        _ = address.port  # read, since only that finds a wrong one
    except ValueError:
        return False
    if not address.hostname or address.username or address.password or address.fragment:
        return False
    return address.scheme == "https" or (address.scheme == "http" and _is_this_machine(address))


def _is_this_machine(address: SplitResult) -> bool:
    try:
        return ip_address(address.hostname or "").is_loopback
    except ValueError:
        return address.hostname == "localhost"

"""What the request that opens a socket says: where its page comes from, and whose token it carries (spec §3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from preferences.api_access import counted_address

Scope = Mapping[str, Any]

BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The token, empty when there is none, and the subprotocol to answer with."""

    token: str = field(repr=False)
    subprotocol: str | None


def is_from_allowed_page(scope: Scope) -> bool:
    """Whether the page may open sockets; a client without an Origin is no page."""
    return all(origin in settings.ALLOWED_ORIGINS for origin in _headers(scope, b"origin"))


def credentials(scope: Scope) -> Credentials:
    """Read the token from the Authorization header, or else from the subprotocols `bearer, <token>`."""
    offered = scope["subprotocols"]
    is_pair = len(offered) == 2 and offered[0] == BEARER
    token = _token_of_header(scope) or (offered[1] if is_pair else "")
    return Credentials(token, subprotocol=BEARER if BEARER in offered else None)


def client_address(scope: Scope) -> str:
    """Return what this client's failures are counted for, over REST and here alike."""
    host, _ = scope.get("client") or ("", 0)
    return counted_address(host)


def _token_of_header(scope: Scope) -> str:
    for value in _headers(scope, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == BEARER:
            return token.strip()
    return ""


def _headers(scope: Scope, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for header, value in scope["headers"] if header.lower() == name)

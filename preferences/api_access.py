"""Who may call, and how often: the door of every REST call (spec §2 "Auth", "Limits")."""

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from preferences.authentication import Identity, InvalidToken, authenticate
from preferences.models import User
from preferences.rate_limits import RateLimit

if TYPE_CHECKING:  # the settings name the classes below to APIView, which imports them while it is being made
    from rest_framework.views import APIView

FAILED_AUTHENTICATION: Final = RateLimit("failed_authentication", per_minute=60)  # per client address
_SITE_PREFIX: Final = 64  # bits: what one IPv6 customer gets, and may draw addresses from at will


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` -> (User, Identity); missing and invalid tokens are 401."""

    def authenticate(self, request: Request) -> tuple[User, Identity]:
        """Return who calls. Raises NotAuthenticated, Throttled, or AuthenticationUnavailable."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise InvalidToken("none was sent")
            identity = authenticate(token.strip())
        except InvalidToken as error:
            wait = FAILED_AUTHENTICATION.wait(client_address(request))
            raise (Throttled(wait) if wait else NotAuthenticated()) from error
        return identity.user, identity

    def authenticate_header(self, request: Request) -> str:
        """Return the WWW-Authenticate header, without which DRF would answer 403."""
        return "Bearer"


def client_address(request: Request) -> str:
    """Return the address that failures are counted for: an IPv4 address, or the /64 network of an IPv6 one.

    The server in front of Django (uvicorn's `--forwarded-allow-ips`) decides which proxies may name it.
    """
    try:
        address = ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, _SITE_PREFIX), strict=False))
    return str(address)


class PerUser(BaseThrottle):
    """Applies the limit that stands at the handler of the call (`api_calls.call`)."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the call, or refuse it."""
        limit: RateLimit | None = getattr(_handler(request, view), "limit", None)
        if limit is not None:
            self._wait = limit.wait(cast(User, request.user).id.hex)
        return not self._wait

    def wait(self) -> float:
        """Return in how many seconds the refused call may come back."""
        return self._wait


def _handler(request: Request, view: "APIView") -> Any:
    return getattr(view, (request.method or "").lower(), None)


class OnlyAnswer(BaseContentNegotiation):
    """Each address answers in one form, whatever `Accept` wishes: there is no 406, and nobody gets HTML."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return none: `api_input` reads the bodies."""
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the view's first renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""

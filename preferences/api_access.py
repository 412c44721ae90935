"""Who may call, and how often: the door of every REST call (spec §2 "Auth", "Limits")."""

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from preferences.authentication import Identity, InvalidToken, costs_a_question, identify
from preferences.models import User
from preferences.rate_limits import RateLimit
from preferences.service_tokens import Service

if TYPE_CHECKING:  # the settings name the classes below to APIView, which imports them while it is being made
    from rest_framework.views import APIView

FAILED_AUTHENTICATION: Final = RateLimit("failed_authentication", per_minute=60)  # per client address
_SITE_PREFIX: Final = 64  # bits: what one IPv6 customer gets, and may draw addresses from at will


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` -> (User, Identity) or (Service, None); missing and invalid tokens are 401."""

    def authenticate(self, request: Request) -> tuple[User, Identity] | tuple[Service, None]:
        """Return who calls. Raises NotAuthenticated, Throttled, or AuthenticationUnavailable.

        From an address with too many failures the Auth Service is asked about no further token; those that it has
        answered for still pass.
        """
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        token, address = token.strip(), counted_address(request.META.get("REMOTE_ADDR") or "")
        try:
            if scheme.lower() != "bearer":
                raise InvalidToken("none was sent")
            if costs_a_question(token) and (wait := FAILED_AUTHENTICATION.look(address)):
                raise Throttled(wait)
            caller = identify(token)
        except InvalidToken as error:
            wait = FAILED_AUTHENTICATION.wait(address)
            raise (Throttled(wait) if wait else NotAuthenticated()) from error
        return (caller, None) if isinstance(caller, Service) else (caller.user, caller)

    def authenticate_header(self, request: Request) -> str:
        """Return the WWW-Authenticate header, without which DRF would answer 403."""
        return "Bearer"


def counted_address(client: str) -> str:
    """Return what a client's failures are counted for: its IPv4 address, or the /64 network of an IPv6 one.

    The server in front of Django (uvicorn's `--forwarded-allow-ips`) decides which proxies may name it.
    """
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, _SITE_PREFIX), strict=False))
    return str(address)


class IsUser(BasePermission):
    """Lets people in: every call is theirs unless it says otherwise. A service gets 403."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether a user's token came with the request."""
        return isinstance(request.user, User)


class IsService(BasePermission):
    """Lets producer services in, for the calls that are theirs alone. A user gets 403."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether a service's token came with the request."""
        return isinstance(request.user, Service)


class PerCaller(BaseThrottle):
    """Applies the limit that stands at the handler of the call (`api_calls.call`)."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the call, or refuse it."""
        limit: RateLimit | None = getattr(_handler(request, view), "limit", None)
        if limit is not None:
            self._wait = limit.wait(_subject(cast(User | Service, request.user)))
        return not self._wait

    def wait(self) -> float:
        """Return in how many seconds the refused call may come back."""
        return self._wait


def _subject(caller: User | Service) -> str:
    """Return under what the calls are counted; no service is named like a user id."""
    return caller.name if isinstance(caller, Service) else caller.id.hex


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

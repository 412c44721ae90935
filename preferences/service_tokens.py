"""What a producer service may do: publish under its own sources, and ask who is in the rollout (spec §2 "Auth")."""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from django.conf import settings

from preferences.claims import Claims

SCOPE: Final = "events:write"
#: Visible ASCII, so that a name can be a key, a log's field and a setting's. Never a user's id: those are people.
_NAME: Final = re.compile(r"[!-~]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Service:
    """Whom a service token speaks for. It stands where a user would as `request.user`."""

    name: str  # the token's `sub`
    is_authenticated: ClassVar[bool] = True

    @property
    def sources(self) -> frozenset[str]:
        """The CloudEvents sources that it may publish under; none when it is not configured."""
        configured = settings.SERVICE_TOKEN_SOURCES
        sources = configured.get(self.name) if isinstance(configured, dict) else None
        return frozenset(sources) if isinstance(sources, list) else frozenset()


def read(claims: Claims) -> Service | None:
    """Return the service that verified claims speak for, or None when they lack the scope or a usable name."""
    if not isinstance(claims.scope, str) or SCOPE not in claims.scope.split(" "):  # RFC 8693, section 4.2
        return None
    return Service(claims.subject) if _NAME.fullmatch(claims.subject) else None

"""Who may hold a socket. Everything here waits for PostgreSQL or Redis, so call it from a thread."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from notifications import socket_places
from preferences import rollout
from preferences.authentication import AuthenticationUnavailable, InvalidToken, authenticate


class CloseCode(IntEnum):
    """Why we close a socket."""

    POLICY_VIOLATION = 1008  # a flood of messages
    TRY_AGAIN_LATER = 1013  # PostgreSQL or the Auth Service is away
    BAD_TOKEN = 4401  # missing, damaged, expired, or nobody's
    DISABLED = 4403  # the flag is off for this user, or the kill switch is on
    TOO_MANY_SOCKETS = 4429  # of this user


class Refused(Exception):
    """No socket for this one; the message is for no log."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class Admission:
    """Whose socket it is, and until when (aware, UTC). It holds `place` until that is given back."""

    user_id: UUID
    expires_at: datetime
    place: socket_places.Place


def admit(token: str) -> Admission:
    """Let the bearer in, with a place of its own. Raises Refused."""
    try:
        identity = authenticate(token)
        shows_bell = rollout.current().shows_bell(identity.user.id)
    except InvalidToken as error:
        raise Refused(CloseCode.BAD_TOKEN) from error
    except (AuthenticationUnavailable, DatabaseError, InterfaceError) as error:
        raise Refused(CloseCode.TRY_AGAIN_LATER) from error
    if not shows_bell:
        raise Refused(CloseCode.DISABLED)
    place = socket_places.take(identity.user.id)
    if place is None:
        raise Refused(CloseCode.TOO_MANY_SOCKETS)
    return Admission(identity.user.id, identity.expires_at, place)

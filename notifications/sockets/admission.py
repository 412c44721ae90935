"""Who may hold a socket. Everything here waits for others, so call it from a thread."""

from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from notifications.sockets import places
from preferences import rollout
from preferences.api_access import FAILED_AUTHENTICATION
from preferences.authentication import AuthenticationUnavailable, InvalidToken, costs_a_question, user_of, verify
from preferences.claims import Claims


class CloseCode(IntEnum):
    """Why we close a socket."""

    POLICY_VIOLATION = 1008  # a flood of messages
    TRY_AGAIN_LATER = 1013  # PostgreSQL or the Auth Service is away, or the address has made up too many tokens
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
    """Whose socket it is, and by which token. It holds `place` until that is given back."""

    user_id: UUID
    place: places.Place
    claims: Claims
    token: str = field(repr=False)


def check(token: str, address: str) -> Claims:
    """Return what the token says; waits for the Auth Service and Redis at most. Raises Refused.

    From an address with too many failures the Auth Service is asked about no further token, as over REST; the bells of
    those who share it come back.
    """
    is_question = costs_a_question(token)
    if is_question and FAILED_AUTHENTICATION.look(address):
        raise Refused(CloseCode.TRY_AGAIN_LATER)
    try:
        return verify(token)
    except InvalidToken as error:
        if is_question:
            FAILED_AUTHENTICATION.wait(address)
        raise Refused(CloseCode.BAD_TOKEN) from error
    except AuthenticationUnavailable as error:
        raise Refused(CloseCode.TRY_AGAIN_LATER) from error


def admit(token: str, claims: Claims) -> Admission:
    """Let in the bearer of a token that has just been checked, with a place of its own. Raises Refused."""
    try:
        user_id = user_of(claims).user.id
        shows_bell = rollout.current().shows_bell(user_id)
    except InvalidToken as error:
        raise Refused(CloseCode.BAD_TOKEN) from error
    except (DatabaseError, InterfaceError) as error:
        raise Refused(CloseCode.TRY_AGAIN_LATER) from error
    if not shows_bell:
        raise Refused(CloseCode.DISABLED)
    place = places.take(user_id)
    if place is None:
        raise Refused(CloseCode.TOO_MANY_SOCKETS)
    return Admission(user_id, place, claims, token)

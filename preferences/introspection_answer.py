"""What the Auth Service says of a token (RFC 7662, section 2.2), read with suspicion."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from preferences.claims import Claims


class InactiveToken(Exception):
    """Expired, revoked, made up, or not meant for us."""


class OddAnswer(Exception):
    """It says neither yes nor no, or gives a time that is none."""


def read(answer: Mapping[str, Any], *, undated_for: timedelta) -> Claims:
    """Return the claims of an active token. Raises InactiveToken or OddAnswer.

    A token without `exp`, which is optional there, ends `undated_for` from now.
    """
    match answer.get("active"):
        case False:
            raise InactiveToken("not active")
        case True:
            pass
        case _:
            raise OddAnswer("no verdict")
    now = datetime.now(UTC)
    expires_at = _time(answer, "exp") or now + undated_for
    if not (_time(answer, "nbf") or now) <= now < expires_at:
        raise InactiveToken("not at this time")
    _check_purpose(answer)
    if not isinstance(answer.get("sub"), str):
        raise InactiveToken("speaks for nobody")
    return Claims(answer["sub"], answer.get("scope"), expires_at)


def _check_purpose(answer: Mapping[str, Any]) -> None:
    """Refuse what was issued by or for somebody else, as far as the answer tells; all of it is optional there."""
    issuer, audience, kind = answer.get("iss"), answer.get("aud"), answer.get("token_type")
    if issuer is not None and settings.JWT_ISSUER and issuer != settings.JWT_ISSUER:
        raise InactiveToken("of another issuer")
    meant_for = audience if isinstance(audience, list) else [audience]
    if audience is not None and settings.JWT_AUDIENCE and settings.JWT_AUDIENCE not in meant_for:
        raise InactiveToken("for another service")
    if kind is not None and str(kind).lower() != "bearer":  # bound to a key, say: then to bear it proves nothing
        raise InactiveToken("no bearer token")


def _time(answer: Mapping[str, Any], name: str) -> datetime | None:
    seconds = answer.get(name)
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise OddAnswer(f"an odd {name}") from error

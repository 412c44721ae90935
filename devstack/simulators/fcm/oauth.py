"""Google's OAuth 2.0 token endpoint, as far as service accounts use it (RFC 7523)."""

import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import jwt

from devstack.simulators.exchange import Answer, Request, json_answer
from devstack.simulators.faults import Fault
from devstack.simulators.fcm.account import Account

TOKEN_PATH: Final = "/token"  # noqa: S105
#: What a fault must match to hit this endpoint.
SUBJECT: Final = "oauth2"

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES: Final = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)
_LIFETIME: Final = 3599  # seconds, as Google grants
_GOOGLES_OWN: Final = "https://oauth2.googleapis.com/token"  # what google-auth writes whatever the token_uri
_REQUIRED: Final = ["iss", "aud", "iat", "exp"]


class _Refused(Exception):
    """`error` as in RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(description)


class AccessTokens:
    """Those that were issued; gone with the process, so that clients must ask for new ones."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiries: dict[str, float] = {}

    def issue(self) -> str:
        """Make one in Google's form."""
        token = f"ya29.{secrets.token_urlsafe(96)}"
        self._expiries[token] = self._clock() + _LIFETIME
        return token

    def expire(self, token: str) -> None:
        """Have it expire now, if it is one of ours."""
        if token in self._expiries:
            self._expiries[token] = self._clock()

    def is_known(self, token: str) -> bool:
        """Whether we issued it, lately or long ago."""
        return token in self._expiries

    def is_valid(self, token: str) -> bool:
        """Whether it may be used."""
        return self._clock() < self._expiries.get(token, float("-inf"))


class TokenCall:
    """One exchange of an assertion for an access token."""

    subject: Final = SUBJECT
    is_for_nobody: Final = True  # or a fault that a test orders for one message would hit the token before it

    def __init__(self, account: Account, tokens: AccessTokens, request: Request) -> None:
        self._account = account
        self._tokens = tokens
        self._form = dict(parse_qsl(request.body.decode("latin-1")))

    def accept(self) -> Answer:
        """Issue a token, or say why not."""
        try:
            self._check()
        except _Refused as refused:
            error = {"error": refused.error, "error_description": refused.description}
            return json_answer(error, status=HTTPStatus.BAD_REQUEST)
        grant = {"access_token": self._tokens.issue(), "expires_in": _LIFETIME, "token_type": "Bearer"}
        return json_answer(grant)

    def refuse(self, fault: Fault) -> Answer:
        """See devstack.simulators.exchange."""
        status = fault.status or HTTPStatus.SERVICE_UNAVAILABLE
        error = json_answer({"error": fault.code or "internal_failure", "error_description": fault.message})
        return Answer(status, error.body, error.content_type, fault.retry_headers)

    def described(self) -> Mapping[str, Any]:
        """What was asked for; neither assertion nor token."""
        return {"action": "token", "token": "", "grant_type": self._form.get("grant_type", "")}

    def _check(self) -> None:
        if (grant := self._form.get("grant_type", "")) != _GRANT:
            raise _Refused("unsupported_grant_type", f"Invalid grant_type: {grant}")
        claims = self._claims(self._form.get("assertion", ""))
        if not _SCOPES & set(str(claims.get("scope", "")).split()):
            raise _Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")

    def _claims(self, assertion: str) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                self._account.public_key,
                algorithms=["RS256"],
                issuer=self._account.email,
                audience=[self._account.token_url, _GOOGLES_OWN],
                options={"require": _REQUIRED},
            )
        except jwt.InvalidSignatureError:
            raise _Refused("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.InvalidIssuerError:
            raise _Refused("invalid_grant", "Invalid grant: account not found") from None
        except jwt.InvalidAudienceError:
            raise _Refused("invalid_grant", "Invalid JWT: Failed audience check.") from None
        except jwt.InvalidTokenError:
            raise _Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)") from None
        return claims

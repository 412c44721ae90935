"""Who may send: provider tokens (Apple's "Establishing a token-based connection to APNs")."""

import time
from dataclasses import dataclass
from typing import Any, Final

import jwt

from devstack.simulators.apns.account import Account
from devstack.simulators.apns.refusals import Reason, Refused

_LIFETIME: Final = 3600  # seconds
_BETWEEN_UPDATES: Final = 20 * 60  # seconds
_CLOCKS_DIFFER_BY: Final = 60  # seconds


@dataclass(frozen=True, slots=True)
class ProviderToken:
    """One that we made sure of; `issued_at` in seconds since 1970."""

    text: str
    issued_at: int


class ProviderTokens:
    """Makes sure of tokens, once each, and knows which of them a fault has expired."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, ProviderToken] = {}
        self._expired: set[str] = set()

    def expire(self, text: str) -> None:
        """Have the token be refused from now on."""
        self._expired.add(text)

    def is_expired(self, text: str) -> bool:
        """Whether it was a fault that expired it."""
        return text in self._expired

    def verify(self, authorization: str) -> ProviderToken:
        """Return the token in the header. Raises Refused."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Refused(Reason.MISSING_PROVIDER_TOKEN)
        token = self._known.get(text) or self._read(text)
        self._known[text] = token
        now = time.time()
        if self.is_expired(text) or token.issued_at < now - _LIFETIME:
            raise Refused(Reason.EXPIRED_PROVIDER_TOKEN)
        if token.issued_at > now + _CLOCKS_DIFFER_BY:
            raise Refused(Reason.INVALID_PROVIDER_TOKEN)
        return token

    def _read(self, text: str) -> ProviderToken:
        try:
            header = jwt.get_unverified_header(text)
            options: Any = {"require": ["iss", "iat"], "verify_iat": False}
            claims = jwt.decode(
                text, self._account.public_key, algorithms=["ES256"], issuer=self._account.team_id, options=options
            )
        except jwt.InvalidTokenError:
            raise Refused(Reason.INVALID_PROVIDER_TOKEN) from None
        if header.get("kid") != self._account.key_id or not isinstance(claims["iat"], int):
            raise Refused(Reason.INVALID_PROVIDER_TOKEN)
        return ProviderToken(text, claims["iat"])


class TokenOfConnection:
    """A connection's current token, which may change only every 20 minutes."""

    def __init__(self, tokens: ProviderTokens) -> None:
        self._tokens = tokens
        self._current: ProviderToken | None = None

    def accept(self, authorization: str) -> None:
        """Make sure of the token of a call. Raises Refused."""
        token = self._tokens.verify(authorization)
        if self._is_too_early(token):
            raise Refused(Reason.TOO_MANY_PROVIDER_TOKEN_UPDATES)
        self._current = token

    def _is_too_early(self, token: ProviderToken) -> bool:
        current = self._current
        if current is None or token.text == current.text or self._tokens.is_expired(current.text):
            return False
        return token.issued_at < current.issued_at + _BETWEEN_UPDATES

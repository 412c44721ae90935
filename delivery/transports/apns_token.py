"""The JWT by which APNs knows its senders."""

import time
from typing import Final

import jwt
from aioapns.connection import AuthorizationHeaderProvider

#: Apple takes provider tokens of up to an hour, and not more than one new one in 20 minutes.
_TOKEN_SECONDS: Final = 40 * 60
_LEAST_TOKEN_SECONDS: Final = 20 * 60


class ProviderToken(AuthorizationHeaderProvider):
    """The JWT that says who we are. All connections share it: Apple refuses too many new ones."""

    def __init__(self, *, key: str, key_id: str, team_id: str) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._issued_at = 0.0
        self._header = ""
        self._renewed_at = -float("inf")

    def get_header(self) -> str:
        """Return the value of the header `authorization`."""
        if self._issued_at < time.time() - _TOKEN_SECONDS:
            self._issue()
        return self._header

    def renew(self, refused: str) -> bool:
        """Whether there is now another header than the one that APNs refused as expired."""
        if self._header == refused and self._renewed_at < time.monotonic() - _LEAST_TOKEN_SECONDS:
            self._renewed_at = time.monotonic()
            self._issue()
        return self._header != refused

    def _issue(self) -> None:
        self._issued_at = time.time()
        claims = {"iss": self._team_id, "iat": int(self._issued_at)}
        self._header = f"bearer {jwt.encode(claims, self._key, algorithm='ES256', headers={'kid': self._key_id})}"

"""The Auth Service's public keys, by the JWKS address (RFC 7517) that it publishes."""

from typing import Any, Final

import jwt

from preferences.respite import Respite

_TIMEOUT_SECONDS: Final = 3
_KEPT_SECONDS: Final = 300  # so long a key that the Auth Service takes back still counts
_UNKNOWN_KEY_SECONDS: Final = 10  # an unknown key id may be a new key: look again at once, but no more often than this
_OUTAGE_SECONDS: Final = 5  # after a failure, how long nobody waits for the Auth Service again


class KeySetUnavailable(Exception):
    """The key set cannot be had just now, and the one we had is too old."""


class KeySet(jwt.PyJWKClient):
    """Keeps the keys for five minutes. While the Auth Service is away, it is asked once in five seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(url, lifespan=_KEPT_SECONDS, timeout=_TIMEOUT_SECONDS, cooldown_duration=_UNKNOWN_KEY_SECONDS)
        self._respite = Respite(seconds=_OUTAGE_SECONDS)

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with this id. Raises PyJWKClientError when there is none, or KeySetUnavailable.

        PyJWT has all threads wait while one fetches; a key that is known and young enough needs no fetching.
        """
        kept = self.jwk_set_cache.get() if self.jwk_set_cache else None
        known = [key for key in kept.keys if key.public_key_use in ("sig", None)] if kept else []
        return self.match_kid(known, kid) or super().get_signing_key(kid)

    def fetch_data(self) -> Any:
        """Fetch the key set. Raises KeySetUnavailable."""
        if self._respite.lasts:
            raise KeySetUnavailable("failed a moment ago")
        try:
            return super().fetch_data()
        except (jwt.PyJWTError, ValueError, OSError) as error:  # the last two: no JSON, a broken connection
            self._respite.begin()
            raise KeySetUnavailable(type(error).__name__) from error

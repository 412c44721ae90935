"""How tokens may be signed; which of these counts is settings.JWT_ALGORITHM's word alone."""

from typing import Final

SYMMETRIC: Final = "HS256"
ASYMMETRIC: Final = frozenset({"RS256", "ES256"})

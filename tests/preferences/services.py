"""Producer services as callers."""

from preferences.authentication import issue_service_token
from tests.rest import Caller


def service(name: str = "tasks") -> Caller:
    """A service with a token of its own, valid and in scope."""
    return Caller(authorization=f"Bearer {issue_service_token(name)}")

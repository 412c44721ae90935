"""`manage.py issue_token EMAIL`, or `--service NAME`: a bearer token to try the API with."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from preferences.authentication import CannotIssueTokens, issue_service_token, issue_token
from preferences.models import User
from preferences.service_tokens import Service


class Command(BaseCommand):
    """Prints a token as the Auth Service would issue it; in development only."""

    help = "Print a bearer token for a user or a producer service (development only)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address of the user, or the name of the service."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("email", nargs="?", help="of the user")
        whose.add_argument("--service", metavar="NAME", help="one of SERVICE_TOKEN_SOURCES")

    def handle(self, *, email: str | None, service: str | None, **options: Any) -> str:
        """Return the token, which is printed. Refuses outside of development."""
        if not (settings.DEMO or settings.DEBUG):
            raise CommandError("Tokens are issued by the Auth Service here: this command needs DEMO=1 or DEBUG=1.")
        try:
            return _for_service(service) if service else _for_user(email or "")
        except CannotIssueTokens as error:
            raise CommandError(
                "Only JWT_ALGORITHM=HS256 with JWT_SECRET and no AUTH_INTROSPECTION_URL lets this command sign tokens."
            ) from error


def _for_user(email: str) -> str:
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user with the address {email}.")
    return issue_token(user)


def _for_service(name: str) -> str:
    if not Service(name).sources:
        raise CommandError(f"SERVICE_TOKEN_SOURCES gives {name} no sources, so its token could publish nothing.")
    return issue_service_token(name)

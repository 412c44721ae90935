"""`manage.py issue_token EMAIL`: a bearer token to try the API with."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from preferences.authentication import CannotIssueTokens, issue_token
from preferences.models import User


class Command(BaseCommand):
    """Prints a token as the Auth Service would issue it; in development only."""

    help = "Print a bearer token for a user (development only)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address of the user."""
        parser.add_argument("email")

    def handle(self, *, email: str, **options: Any) -> str:
        """Return the token, which is printed. Refuses outside of development."""
        if not (settings.DEMO or settings.DEBUG):
            raise CommandError("Tokens are issued by the Auth Service here: this command needs DEMO=1 or DEBUG=1.")
        user = User.objects.filter(email=email.lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user with the address {email}.")
        try:
            return issue_token(user)
        except CannotIssueTokens as error:
            raise CommandError("Only JWT_ALGORITHM=HS256 with a JWT_SECRET lets this command sign a token.") from error

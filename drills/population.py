"""Makes the people of a drill and prints their tokens, and the publisher's, as JSON: `python -m drills.population 201`.

A program of its own, so that the harness needs no Django.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from benchmarks.traffic import has_mails_at_once, user_id  # noqa: E402
from preferences.authentication import issue_service_token, issue_token  # noqa: E402
from preferences.models import Flag, User  # noqa: E402
from preferences.push_tokens import Platform  # noqa: E402
from preferences.rollout import FLAG  # noqa: E402


def main(count: int) -> None:
    """Make users 0 to `count` - 1 in the default mix of spec §10, all of them in the rollout."""
    Flag.objects.update_or_create(name=FLAG, defaults={"everyone": True})
    users = [_user(number) for number in range(count)]
    User.objects.bulk_create(users)
    tokens = {"users": [issue_token(user) for user in users], "service": issue_service_token("tasks")}
    json.dump(tokens, sys.stdout)


def _user(number: int) -> User:
    frequency = "immediate" if has_mails_at_once(number) else "daily"
    return User(
        id=user_id(number),
        name=f"User {number}",
        email=f"user{number}@example.com",
        notification_preferences={"email_digest": frequency},
        push_tokens=[_phone(number)],
    )


def _phone(number: int) -> dict[str, Any]:
    return {
        "platform": (Platform.IOS if number % 2 else Platform.ANDROID).value,
        "token": f"{number:064x}",
        "device_id": "phone",
        "registered_at": timezone.now().isoformat(),
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Makes the benchmark's users and prints a bearer token of each, as a JSON list: `python -m benchmarks.population 200`.

A program of its own, so that the harness needs no Django.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from benchmarks.traffic import user_id  # noqa: E402
from preferences.authentication import issue_token  # noqa: E402
from preferences.models import Flag, User  # noqa: E402
from preferences.rollout import FLAG  # noqa: E402


def main(count: int) -> None:
    """Make users 0 to `count` - 1, all of them in the rollout, who want the bell alone."""
    Flag.objects.update_or_create(name=FLAG, defaults={"everyone": True})
    users = [
        User(
            id=user_id(number),
            name=f"User {number}",
            email=f"user{number}@example.com",
            notification_preferences={"email_digest": "never"},
        )
        for number in range(count)
    ]
    User.objects.bulk_create(users, ignore_conflicts=True)
    json.dump([issue_token(user) for user in users], sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Makes the users of a mix and prints a bearer token of each, as JSON: `python -m benchmarks.load.population MIX 1000`.

A program of its own, so that the harness needs no Django.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from benchmarks.load.mix import Mix, has_iphone  # noqa: E402
from benchmarks.traffic import has_mails_at_once, user_id  # noqa: E402
from preferences.authentication import issue_token  # noqa: E402
from preferences.models import Flag, User  # noqa: E402
from preferences.push_tokens import Platform  # noqa: E402
from preferences.rollout import FLAG  # noqa: E402

_UNTIL_DIGESTS: Final = timedelta(hours=12)  # none may become due before what is held was counted


def main(mix: Mix, count: int) -> None:
    """Make users 0 to `count` - 1, all of them in the rollout."""
    Flag.objects.update_or_create(name=FLAG, defaults={"everyone": True})
    users = [_user(mix, number) for number in range(count)]
    User.objects.bulk_create(users)
    json.dump([issue_token(user) for user in users], sys.stdout)


def _user(mix: Mix, number: int) -> User:
    wants = _wants(number) if mix.is_outbound else {"notification_preferences": {"email_digest": "never"}}
    return User(id=user_id(number), name=f"User {number}", email=f"user{number}@example.com", **wants)


def _wants(number: int) -> dict[str, Any]:
    """Default preferences but for the digest, and one phone."""
    if has_mails_at_once(number):
        preferences = {"email_digest": "immediate"}
    else:
        digest_time = (timezone.now() + _UNTIL_DIGESTS).strftime("%H:%M")
        preferences = {"email_digest": "daily", "digest_time": digest_time}
    phone = {
        "platform": (Platform.IOS if has_iphone(number) else Platform.ANDROID).value,
        "token": f"{number:064x}",
        "device_id": "phone",
        "registered_at": timezone.now().isoformat(),
    }
    return {"notification_preferences": preferences, "push_tokens": [phone]}


if __name__ == "__main__":
    main(Mix(sys.argv[1]), int(sys.argv[2]))

"""Rings bells as the intake does, when the harness says: `python -m benchmarks.sockets.ringer ADDRESS`.

A program of its own, so that the harness needs no Django.
"""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from django.conf import settings  # noqa: E402

from benchmarks.sockets import remote  # noqa: E402
from benchmarks.traffic import user_id  # noqa: E402
from delivery.transports import bell  # noqa: E402
from preferences import user_ids  # noqa: E402

_EXCERPT: Final = "Looks good to me, one question below."


def ring_each(users: Sequence[int], every: float) -> list[float]:
    """Ring one user after the other, so many seconds apart; return when each was due (monotonic).

    The messages are `probe-0`, `probe-1` and so on.
    """
    began = time.monotonic() + every
    dues = [began + number * every for number in range(len(users))]
    for number, (user, due) in enumerate(zip(users, dues, strict=True)):
        time.sleep(max(0.0, due - time.monotonic()))
        bell.publish([(user_id(user), _message(f"probe-{number}"))])
    return dues


def ring_all(count: int, name: str) -> float:
    """Ring users 0 to `count` - 1, a batch of the intake at a time; return when it began (monotonic)."""
    began, size = time.monotonic(), settings.INTAKE_BATCH_MESSAGES
    for start in range(0, count, size):
        bell.publish((user_id(user), _message(name)) for user in range(start, min(start + size, count)))
    return began


def _message(name: str) -> dict[str, Any]:
    """Return a notification (spec §2, §3) whose resource carries `name`."""
    resource = {"type": "task", "id": name, "url": f"/tasks/{name}", "title": "Update pricing page"}
    actor = {"id": user_ids.show(user_id(0)), "name": "User 0", "avatar_url": None}
    notification = {
        "id": "ntf_0000000000000000",
        "type": "comment_added",
        "title": "User 0 commented on Update pricing page",
        "body": _EXCERPT,
        "actor": actor,
        "resource": resource,
        "read_at": None,
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    return {"type": "notification", "notification": notification, "unread_count": 1}


def main() -> None:
    """Serve the harness until it hangs up."""
    methods: dict[str, remote.Method] = {"ring_each": ring_each, "ring_all": ring_all}
    remote.serve(sys.argv[1], methods.__getitem__)


if __name__ == "__main__":
    main()

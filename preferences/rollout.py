"""Who is in the rollout, and whether everything is switched off: one answer for all (spec §7).

Waffle draws a percentage per request and keeps it in a cookie, which no worker has. Here it is a hash of flag
and user, so a user stays in when the percentage is raised, and every process agrees.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from waffle.models import Switch

from preferences.models import Flag, User

FLAG: Final = "notifications_v2"
KILL_SWITCH: Final = "notifications_kill_switch"


@dataclass(frozen=True, slots=True)
class Rollout:
    """The flag and the switch as they were a moment ago."""

    is_killed: bool
    everyone: bool | None  # True or False overrides the rest; None asks members and percentage
    percent: float = 0.0
    members: frozenset[UUID] = frozenset()

    def includes(self, user_id: UUID) -> bool:
        """Whether the flag is on for this user."""
        if self.everyone is not None:
            return self.everyone
        return user_id in self.members or bucket(user_id) < self.percent

    def shows_bell(self, user_id: UUID) -> bool:
        """Whether this user's page shows the bell."""
        return not self.is_killed and self.includes(user_id)


def bucket(user_id: UUID) -> float:
    """Return the user's fixed place between 0 (first to come in) and 100."""
    digest = hashlib.blake2b(user_id.bytes, digest_size=8, key=FLAG.encode()).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100


def read() -> Rollout:
    """Read flag and switch from PostgreSQL, which is there when Redis is not."""
    killed = Switch.objects.filter(name=KILL_SWITCH, active=True).exists()
    flag = Flag.objects.filter(name=FLAG).first()
    if flag is None:
        return Rollout(is_killed=killed, everyone=False)
    return Rollout(
        is_killed=killed,
        everyone=flag.everyone,
        percent=float(flag.percent or 0),
        members=frozenset(User.objects.filter(_membership(flag)).values_list("id", flat=True)),
    )


def _membership(flag: Flag) -> Q:
    """Return who is in by name, by group or by standing."""
    named = Q(id__in=flag.users.values("id")) | Q(groups__in=flag.groups.all())
    if flag.staff:
        named |= Q(is_staff=True)
    if flag.superusers:
        named |= Q(is_superuser=True)
    return named


class _Snapshot:
    """The latest answer of `source`, read again when it is older than the setting allows."""

    def __init__(self, source: Callable[[], Rollout]) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._latest: tuple[float, Rollout] | None = None

    def current(self) -> Rollout:
        with self._lock:
            now = time.monotonic()
            if self._latest is None or now - self._latest[0] >= settings.ROLLOUT_CACHE.total_seconds():
                self._latest = (now, self._source())
            return self._latest[1]

    def forget(self) -> None:
        with self._lock:
            self._latest = None


_snapshot = _Snapshot(read)
#: The rollout as it is now, at most settings.ROLLOUT_CACHE old in this process.
current = _snapshot.current
#: Read it anew at the next question.
forget = _snapshot.forget

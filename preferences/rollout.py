"""Who is in the rollout, and whether everything is switched off: one answer for all (spec §7).

Waffle draws a percentage per request and keeps it in a cookie, which no worker has. Here it is a hash of flag
and user, so a user stays in when the percentage is raised, and every process agrees.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django import db
from django.conf import settings
from django.utils import timezone
from waffle.models import Switch

from preferences.models import Flag, User

FLAG: Final = "notifications_v2"
KILL_SWITCH: Final = "notifications_kill_switch"
#: The row's two defaults are a moment apart.
_NEVER_TURNED: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The flag and the switch as they were a moment ago."""

    is_killed: bool
    everyone: bool | None  # True or False overrides the rest; None asks members and percentage
    percent: float = 0.0
    members: frozenset[UUID] = frozenset()
    turned_at: datetime | None = None  # when the switch turned last; None: never

    def includes(self, user_id: UUID) -> bool:
        """Whether the flag is on for this user."""
        if self.everyone is not None:
            return self.everyone
        return user_id in self.members or bucket(user_id) < self.percent

    def shows_bell(self, user_id: UUID) -> bool:
        """Whether this user's page shows the bell."""
        return not self.is_killed and self.includes(user_id)

    def since_release(self, now: datetime) -> timedelta | None:
        """Return how long ago the kill switch was released, as long as settings.RELEASE_RAMP lasts; then None.

        A clock that is wrong by more than that counts for nothing.
        """
        if self.is_killed or self.turned_at is None:
            return None
        elapsed = now - self.turned_at
        return max(elapsed, timedelta()) if abs(elapsed) < settings.RELEASE_RAMP else None


def bucket(user_id: UUID) -> float:
    """Return the user's fixed place between 0 (first to come in) and 100."""
    digest = hashlib.blake2b(user_id.bytes, digest_size=8, key=FLAG.encode()).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100


def read() -> Rollout:
    """Read flag and switch from PostgreSQL, which is there when Redis is not."""
    is_killed, turned_at = _switch()
    flag = Flag.objects.filter(name=FLAG).first()
    if flag is None:
        return Rollout(is_killed=is_killed, everyone=False, turned_at=turned_at)
    return Rollout(
        is_killed=is_killed,
        everyone=flag.everyone,
        percent=float(flag.percent or 0),
        members=frozenset(_members(flag)) if flag.everyone is None else frozenset(),
        turned_at=turned_at,
    )


def _switch() -> tuple[bool, datetime | None]:
    """Return whether the switch is on, and when it turned (preferences/switch_turns.py)."""
    switch = Switch.objects.filter(name=KILL_SWITCH).only("active", "created", "modified").first()
    if switch is None:
        return False, None
    return switch.active, switch.modified if switch.modified - switch.created > _NEVER_TURNED else None


def _members(flag: Flag) -> Iterator[UUID]:
    """Yield who is in by name, by group or by standing.

    By way of the small tables between them: this runs every second, and a scan of all users would not do.
    """
    named = Flag.users.through.objects.filter(flag_id=flag.id).values_list("user_id")
    grouped = User.groups.through.objects.filter(group__in=flag.groups.values("id")).values_list("user_id")
    yield from (user_id for (user_id,) in named.union(grouped))
    if flag.staff:
        yield from User.objects.filter(is_staff=True).values_list("id", flat=True)
    if flag.superusers:
        yield from User.objects.filter(is_superuser=True).values_list("id", flat=True)


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


def since_release() -> timedelta | None:
    """Return how long ago the kill switch was released, while work begins again gently; None: nothing hinders it.

    None, too, while PostgreSQL is away: whoever works waits for it anyway, and must not fail over a question of pace.
    """
    if not settings.RELEASE_RAMP:
        return None
    try:
        return current().since_release(timezone.now())
    except db.Error:
        return None

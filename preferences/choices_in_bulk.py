"""Many people's choices at once, never over what somebody chose meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import QuerySet

from preferences import choices
from preferences.choices import DEFAULTS, Choices
from preferences.models import User
from preferences.people import OVERLAP


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Some users who were looked at, by id; `last` is None when there were none."""

    last: UUID | None
    users: int
    rewritten: int


def simplify(stored: object) -> dict[str, Any]:
    """Return what is stored in the form of today: the same choices, without what no longer fits the catalogue."""
    return choices.to_stored(choices.from_stored(stored))


def stored_after(user_id: UUID | None, limit: int) -> QuerySet[User, tuple[UUID, object]]:
    """Return up to `limit` users who have anything stored, by id: the first ones, or those behind `user_id`."""
    rows = User.objects.exclude(notification_preferences={}).order_by("id")
    behind = rows if user_id is None else rows.filter(id__gt=user_id)
    return behind.values_list("id", "notification_preferences")[:limit]


def differing(stored: Iterable[tuple[UUID, object]]) -> dict[UUID, dict[str, Any]]:
    """Return the new form of what is not yet in it, by user."""
    return {user_id: new for user_id, old in stored if (new := simplify(old)) != old}


_REWRITE = """
    UPDATE users SET notification_preferences = simplified.preferences
    FROM json_to_recordset(%s) AS simplified (user_id uuid, preferences jsonb) WHERE users.id = simplified.user_id
"""


def rewrite_after(user_id: UUID | None, limit: int) -> Rewritten:
    """Store the form of today for the users of `stored_after`, in the caller's transaction.

    `preferences_changed_at` stays, since the choices are the same: no held digest has to move.
    """
    stored = list(stored_after(user_id, limit).select_for_update(no_key=True))  # nobody chooses in between
    rows = [{"user_id": id_, "preferences": new} for id_, new in differing(stored).items()]
    with connection.cursor() as cursor:
        cursor.execute(_REWRITE, [orjson.dumps(rows).decode()])
    return Rewritten(last=stored[-1][0] if stored else None, users=len(stored), rewritten=len(rows))


def undecided(user_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the users who have chosen nothing yet."""
    return set(User.objects.filter(id__in=user_ids, notification_preferences={}).values_list("id", flat=True))


_STORE_FIRST = """
    UPDATE users SET notification_preferences = chosen.preferences,
        preferences_changed_at =
            CASE WHEN moves THEN clock_timestamp() + make_interval(secs => %s) ELSE preferences_changed_at END
    FROM json_to_recordset(%s) AS chosen (user_id uuid, preferences jsonb, moves boolean)
    WHERE users.id = chosen.user_id AND users.notification_preferences = '{}'
    RETURNING users.id
"""


def store_first(chosen: Mapping[UUID, Choices]) -> set[UUID]:
    """Store choices for those of the users who have chosen nothing themselves, and return who that is.

    Held digests move by the new choices, unless these are the defaults.
    """
    rows = [
        {"user_id": user_id, "preferences": choices.to_stored(each), "moves": each != DEFAULTS}
        for user_id, each in chosen.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE_FIRST, [OVERLAP.total_seconds(), orjson.dumps(rows).decode()])
        return {id_ for (id_,) in cursor}

"""People: whom a text names, what the pipeline wants to know of many in one query, and what somebody chose, stored."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import DateTimeField, Func, Q

from preferences import choices
from preferences.choice_changes import ChoiceChanges
from preferences.choices import Choices
from preferences.decisions import Recipient
from preferences.models import User
from preferences.rollout import Rollout
from preferences.user_ids import as_array
from preferences.user_ids import parse as parse_user_id

#: PostgreSQL's time at which the row is written, after any wait for it.
_CLOCK: Final = Func(function="clock_timestamp", output_field=DateTimeField())
#: Added to the time of a change: mail that is decided by the old choices at this moment is stored a little later, and
#: has to move to the new ones too.
OVERLAP: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone as others see them."""

    id: UUID
    name: str
    avatar_url: str | None


def find(text: str) -> User | None:
    """Return whom `text` names: by address in any case, by `usr_…` or by plain UUID. Nobody: None."""
    user_id = parse_user_id(text.strip())
    by_name = {"email": _address(text)} if user_id is None else {"id": user_id}
    return User.objects.filter(**by_name).first()


def find_many(texts: Collection[str]) -> dict[str, User]:
    """Return whom each of the texts names, as `find` reads it; those that name nobody are left out."""
    ids = {text: parse_user_id(text.strip()) for text in texts}
    addresses = {text: _address(text) for text in texts if ids[text] is None}
    wanted = Q(id__in=[id_ for id_ in ids.values() if id_]) | Q(email__in=addresses.values())
    users = User.objects.filter(wanted).only("id", "email", "is_active")
    found = {key: user for user in users for key in (user.id, user.email) if key}
    return {text: found[key] for text in texts if (key := ids[text] or addresses[text]) in found}


def _address(text: str) -> str:
    """Return the address as it is kept; "" where a character is in it that no address has and no query takes (NUL)."""
    address = text.strip().lower()
    return address if address.isprintable() else ""


_PEOPLE = "SELECT id, name, avatar_url FROM users WHERE id = ANY(%s::uuid[])"


def load(user_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Return those of `user_ids` who exist, by id."""
    return {row[0]: Person(*row) for row in _rows(_PEOPLE, user_ids)}


_RECIPIENTS = """
    SELECT id, is_active, notification_preferences::text, COALESCE(email, '') <> '', push_tokens <> '[]'
    FROM users WHERE id = ANY(%s::uuid[])
"""


def load_recipients(
    user_ids: Collection[UUID], rollout: Rollout, *, suppressed: Collection[UUID] = frozenset()
) -> dict[UUID, Recipient]:
    """Return those of `user_ids` who exist, with everything a decision depends on, by id.

    `suppressed` are those whose address gets no mail any more.
    """
    return {
        user_id: Recipient(
            id=user_id,
            choices=_parsed_choices(preferences),
            is_active=is_active,
            in_rollout=rollout.includes(user_id),
            has_email_address=has_email_address,
            address_suppressed=user_id in suppressed,
            has_push_token=has_push_token,
        )
        for user_id, is_active, preferences, has_email_address, has_push_token in _rows(_RECIPIENTS, user_ids)
    }


@lru_cache(maxsize=4096)
def _parsed_choices(stored: str) -> Choices:
    """Read the JSON of a person's choices once for all who chose the same."""
    return choices.from_stored(orjson.loads(stored))


def _rows(statement: str, user_ids: Collection[UUID]) -> list[tuple[Any, ...]]:
    """Run a statement for many ids; the ORM takes longer to write a list of them than PostgreSQL to find the rows."""
    if not user_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [as_array(user_ids)])
        return list(cursor.fetchall())


def read_choices(user_id: UUID, *, for_change: bool = False) -> Choices | None:
    """Return what this user has chosen; None when there is nobody of this id.

    `for_change` keeps others from choosing until the end of the caller's transaction.
    """
    return next(map(choices.from_stored, _stored_choices(user_id, for_change=for_change)), None)


def store_choices(user_id: UUID, chosen: Choices) -> None:
    """Replace what this user chose."""
    _store_choices(user_id, choices.to_stored(chosen))


def change_choices(user_id: UUID, changes: ChoiceChanges) -> Choices:
    """Change some of what this user chose; return all of it."""
    with transaction.atomic():
        stored = next(iter(_stored_choices(user_id, for_change=True)), {})
        changed = changes.apply(stored)
        if changed != stored:  # or somebody who chose nothing would have chosen
            _store_choices(user_id, changed)
    return choices.from_stored(changed)


def _stored_choices(user_id: UUID, *, for_change: bool) -> Iterable[object]:
    # A weaker lock than usual: inserts of notifications, which refer to the row, go on.
    users = User.objects.select_for_update(no_key=True) if for_change else User.objects.all()
    return users.filter(id=user_id).values_list("notification_preferences", flat=True)


def _store_choices(user_id: UUID, stored: Mapping[str, Any]) -> None:
    """Write nothing else of the row: push tokens change at the same time."""
    User.objects.filter(id=user_id).update(notification_preferences=stored, preferences_changed_at=_CLOCK + OVERLAP)

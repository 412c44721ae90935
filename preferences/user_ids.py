"""User ids as the outside writes them: `usr_` + 32 hex digits, or a plain UUID (spec §2)."""

import re
from collections.abc import Iterable
from uuid import UUID

_FORMS = re.compile(
    r"(?:usr_)?[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    re.ASCII | re.IGNORECASE,
)


def parse(text: object) -> UUID | None:
    """Return the id that `text` writes, or None when it is no user id."""
    if not isinstance(text, str) or _FORMS.fullmatch(text) is None:
        return None
    return UUID(text.lower().removeprefix("usr_"))


def show(user_id: UUID) -> str:
    """Return the id as our answers write it."""
    return f"usr_{user_id.hex}"


def as_array(user_ids: Iterable[UUID]) -> str:
    """Return the ids as a parameter for `ANY(%s::uuid[])`: one text, which is cheaper to pass than a value each."""
    return f"{{{','.join(user_id.hex for user_id in user_ids)}}}"

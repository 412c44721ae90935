"""Everything we hold on a person, as one JSON document (spec §4 "Retention").

It is written as it is read, some rows at a time, so somebody with a million rows needs no more memory than anybody
else. Of a push token it has the last four characters: enough to know a phone by, too few to reach it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

import orjson
from django.db import connection
from django.utils import timezone

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications.upkeep import support_log, traces
from preferences import push_tokens, rollout, user_ids
from preferences.models import Flag, User
from preferences.push_tokens import Device

BATCH: Final = 1_000
_TOKEN_END: Final = 4  # characters
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the document; all of them joined are JSON. `rows` are those of the section that it holds."""

    text: str
    section: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Section:
    """A list in the document: the rows of a large table, oldest first."""

    name: str
    found: str  # FROM
    time: str  # the column by which a person's rows are indexed
    columns: Mapping[str, str]  # by the name in the document
    no_id: int | str = 0  # below all ids

    @property
    def statement(self) -> str:
        """Return what reads some rows behind a time and an id."""
        after = f"(held.{self.time}, held.id) > (%(time)s, %(id)s)"
        return (
            f"SELECT held.{self.time}, held.id, {', '.join(self.columns.values())} FROM {self.found}"  # nosec B608 # noqa: S608 - ours
            f" WHERE held.user_id = %(user)s AND {after} ORDER BY held.{self.time}, held.id LIMIT %(limit)s"
        )


def _same(*columns: str) -> dict[str, str]:
    return {column: f"held.{column}" for column in columns}


_RESOURCE: Final = ("resource_type", "resource_id", "resource_url", "resource_title")
_SECTIONS: Final = (
    _Section(
        "notifications",
        "notifications AS held",
        "created_at",
        _same("id", "type", "title", "body", "actor_id", *_RESOURCE, "created_at", "displayed_at", "read_at"),
        no_id="",
    ),
    _Section(
        "deliveries",
        "deliveries AS held",
        "created_at",
        _same("notification_id", "channel", "type", "title", "body", "actor_name", *_RESOURCE)
        | _same("occurred_at", "state", "reason", "due_at", "attempts", "provider_id", "provider_error")
        | _same("devices")
        | _same("created_at", "sent_at", "updated_at"),
    ),
    _Section(
        "decisions",
        "decisions AS held JOIN received_events AS event ON event.id = held.event_id",
        "decided_at",
        {
            "event_type": "event.type",
            "event_source": "event.source",
            "event_id": "event.event_id",
            "event_time": "event.occurred_at",
            **_same("in_app", "email", "push", "decided_at"),
        },
    ),
)


def write(person: User, *, batch: int = BATCH) -> Iterator[Piece]:
    """Yield the document from its beginning to its end."""
    yield Piece("{\n" + ",\n".join(f'"{name}": {_json(value)}' for name, value in _head(person).items()), "profile", 1)
    for section in _SECTIONS:
        yield Piece(f',\n"{section.name}": [', section.name)
        separator = "\n"
        for rows in _read(section, person, batch):
            lines = (_json(dict(zip(section.columns, row, strict=True))) for row in rows)
            yield Piece(separator + ",\n".join(lines), section.name, len(rows))
            separator = ",\n"
        yield Piece("\n]", section.name)
    yield Piece("\n}\n", "profile")


def count(person: User) -> dict[str, int]:
    """Return how many rows each list would have."""
    with connection.cursor() as cursor:
        counts = {}
        for section in _SECTIONS:
            cursor.execute(f"SELECT count(*) FROM {section.found} WHERE held.user_id = %s", [person.id])  # nosec B608 # noqa: S608 - ours
            (counts[section.name],) = cursor.fetchone()
    return counts


def _read(section: _Section, person: User, limit: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows, at most `limit` at a time, each from where the last ones ended."""
    time, id_ = _BEGINNING, section.no_id
    while True:
        with connection.cursor() as cursor:
            cursor.execute(section.statement, {"user": person.id, "time": time, "id": id_, "limit": limit})
            rows = cursor.fetchall()
        if not rows:
            return
        yield [row[2:] for row in rows]
        time, id_ = rows[-1][:2]


# --- What is no large table ------------------------------------------------------------------------------------------


def _head(person: User) -> dict[str, Any]:
    return {
        "exported_at": timezone.now(),
        "profile": _profile(person),
        "preferences": person.notification_preferences,
        "devices": [_device(device) for device in push_tokens.devices(person.push_tokens)],
        "suppression": _suppression(person),
        "rollout": {"is_in": rollout.current().includes(person.id), "named_in": _flags(person)},
        "support_log": _support_log(person),
    }


def _profile(person: User) -> dict[str, Any]:
    return {
        "id": user_ids.show(person.id),
        "name": person.name,
        "email": person.email,
        "avatar_url": person.avatar_url,
        "locale": person.locale,
        "is_active": person.is_active,
        "is_staff": person.is_staff,
        "groups": list(person.groups.order_by("name").values_list("name", flat=True)),
        "created_at": person.created_at,
        "last_login": person.last_login,
        "preferences_changed_at": person.preferences_changed_at,
    }


def _device(device: Device) -> dict[str, Any]:
    return {
        "platform": device.platform,
        "device_id": device.device_id,
        "registered_at": device.registered_at,
        "token_ends_in": device.token[-_TOKEN_END:],
    }


def _suppression(person: User) -> dict[str, Any] | None:
    if not person.email:
        return None
    rows = SuppressedAddress.objects.filter(address_hash=suppressions.address_hash(person.email))
    row = rows.first()
    return {"cause": row.cause, "detail": row.detail, "since": row.created_at} if row else None


def _flags(person: User) -> list[str]:
    memberships = Flag.users.through.objects.filter(user_id=person.id)
    return list(memberships.order_by("flag__name").values_list("flag__name", flat=True))


def _support_log(person: User) -> list[dict[str, Any]]:
    """Return what support did about the person, to what, and when."""
    found = support_log.about(traces.of(person))
    entries = [entry for some in found for entry in some.select_related("content_type")]
    return [
        {
            "at": entry.action_time,
            "action": entry.get_change_message() or entry.get_action_flag_display(),
            "subject": f"{entry.content_type.name if entry.content_type else '?'}: {entry.object_repr}",
        }
        for entry in sorted(entries, key=attrgetter("action_time"))
    ]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()

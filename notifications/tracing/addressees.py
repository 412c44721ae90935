"""Whom an event was meant for, as support sees a person: by name, with choices and devices, and never a token."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from delivery import suppressions
from preferences import choices, people, push_tokens, user_ids
from preferences.choices import Choices
from preferences.models import User
from preferences.push_tokens import Platform

_COLUMNS: Final = ("id", "name", "email", "notification_preferences", "push_tokens", "preferences_changed_at")


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom it is about. `user_id` is None when the producer's id is none at all."""

    user_id: UUID | None
    name: str  # of an account that is not there, or has no name: its id
    exists: bool = False
    choices: Choices = choices.DEFAULTS
    chose_at: datetime | None = None  # when the choices last changed, and `people.OVERLAP`; None: never
    devices: Mapping[str, Platform] = field(default_factory=dict)  # by device id, as they are now
    address_hash: bytes = b""

    def chose_after(self, instant: datetime) -> bool:
        """Whether the choices were others at the instant, or may have been."""
        return self.chose_at is not None and self.chose_at - people.OVERLAP > instant


def load(ids: Collection[UUID]) -> dict[UUID, Addressee]:
    """Return those of the users who exist, by id."""
    rows = User.objects.filter(id__in=ids).values_list(*_COLUMNS) if ids else ()
    return {row[0]: _addressee(*row) for row in rows}


def get(user_id: UUID) -> Addressee:
    """Return whom the id belongs to, or that it belongs to nobody."""
    return load([user_id]).get(user_id) or unknown(user_id)


def find(text: str) -> Addressee | None:
    """Return whom `text` names: by address, or by an id, which may be nobody's. None: it is neither."""
    person = people.find(text)
    if person is None:
        user_id = user_ids.parse(text)
        return unknown(user_id) if user_id else None
    return _addressee(*(getattr(person, column) for column in _COLUMNS))


def unknown(user_id: UUID) -> Addressee:
    """Return an account that is not there, or not any more."""
    return Addressee(user_id, name=user_ids.show(user_id))


def malformed(recipient: str) -> Addressee:
    """Return what a producer gave in place of a user id."""
    return Addressee(None, name=f"“{recipient}”")


def _addressee(
    user_id: UUID, name: str, email: str | None, stored: Mapping[str, Any], tokens: object, chose_at: datetime | None
) -> Addressee:
    return Addressee(
        user_id=user_id,
        name=name.strip() or user_ids.show(user_id),
        exists=True,
        choices=choices.from_stored(stored),
        chose_at=chose_at,
        devices={device.device_id: device.platform for device in push_tokens.devices(tokens)},
        address_hash=suppressions.address_hash(email) if email else b"",
    )

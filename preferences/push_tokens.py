"""Devices that get pushes: `users.push_tokens`, a list of {"platform", "token", "device_id", "registered_at"}.

A token belongs to one user and to one device. It leaves at logout, when somebody else signs in on the phone, or on the
provider's own word that it is dead (spec §6 "Push"). The list is in the order of registration.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from preferences.models import User

MAX_DEVICES: Final = 20  # of one user; who registers another one loses the oldest registration

#: The time of a registration that says none.
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Platform(StrEnum):
    """Whose push service reaches the device."""

    IOS = "ios"
    ANDROID = "android"


@dataclass(frozen=True, slots=True)
class Device:
    """One of a user's phones or tablets; `registered_at` is aware, and the last time it registered."""

    platform: Platform
    token: str
    device_id: str
    registered_at: datetime


#: Printable ASCII; it stands in an address.
DEVICE_ID: Final = re.compile(r"[ -~]{1,128}")
#: Any token at all: visible ASCII, as it goes into an address (APNs) or JSON (FCM).
TOKEN: Final = re.compile(r"[!-~]{1,4096}")
#: What a platform's own look like. Apple calls the length variable; the bytes are written in hex.
TOKENS: Final[Mapping[Platform, re.Pattern[str]]] = {
    Platform.IOS: re.compile(r"[0-9a-fA-F]{1,200}"),
    Platform.ANDROID: TOKEN,
}


def devices(stored: object) -> tuple[Device, ...]:
    """Read the JSONB column. What is no device is passed over, never an error."""
    return tuple(_read_all(stored)) if isinstance(stored, list) else ()


def register(user_id: UUID, *, platform: Platform, token: str, device_id: str) -> Device:
    """Note the device, anew when it is known; the token leaves every other device and user that holds it."""
    with transaction.atomic():
        lock_tokens([token])
        device = Device(platform, token, device_id, timezone.now())  # not older than a registration we waited for
        holders = Q(id=user_id) | Q(push_tokens__contains=[{"token": token}])
        for id_, held in locked(holders):
            others = [each for each in held if each.token != token]
            _store(id_, _with(device, others) if id_ == user_id else tuple(others))
    return device


def forget(user_id: UUID, device_id: str) -> None:
    """Drop the device, if the user has it."""
    _drop(user_id, lambda device: device.device_id == device_id)


def prune(user_id: UUID, token: str, *, since: datetime | None) -> bool:
    """Drop a token that its provider called dead, and return whether it was there.

    `since` (aware) is when the provider saw it die, if it says so. A registration newer than that is a living device
    that got the same token again: it stays.
    """
    return _drop(user_id, lambda device: device.token == token and (since is None or device.registered_at <= since))


def _drop(user_id: UUID, is_gone: Callable[[Device], bool]) -> bool:
    """Return whether anything was dropped."""
    with transaction.atomic():
        for id_, held in locked(Q(id=user_id)):
            kept = tuple(device for device in held if not is_gone(device))
            if kept != held:
                _store(id_, kept)
                return True
    return False


def _with(device: Device, others: list[Device]) -> tuple[Device, ...]:
    """Return the newest registrations, this one last."""
    return tuple([*(each for each in others if each.device_id != device.device_id), device][-MAX_DEVICES:])


# --- The column ----------------------------------------------------------------------------------------------


def lock_tokens(tokens: Sequence[str]) -> None:
    """Have registrations of the same tokens wait for each other until the end of the transaction.

    Row locks are not enough: as long as nobody holds the token, two users who register it lock different rows. Whoever
    locks several gives them in the order of text.
    """
    with connection.cursor() as cursor:
        keys = [f"push token {token}" for token in tokens]
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(%s::text[]) AS key", [keys])


def locked(wanted: Q) -> list[tuple[UUID, tuple[Device, ...]]]:
    """Lock these users' rows, always in the same order, and return their devices.

    No-key: rows that refer to a user, as every notification does, are inserted meanwhile.
    """
    rows = User.objects.filter(wanted).order_by("id").select_for_update(no_key=True)
    return [(id_, devices(stored)) for id_, stored in rows.values_list("id", "push_tokens")]


def _store(user_id: UUID, held: tuple[Device, ...]) -> None:
    """Write nothing else of the row: preferences change at the same time."""
    User.objects.filter(id=user_id).update(push_tokens=as_stored(held))


def as_stored(held: tuple[Device, ...]) -> list[dict[str, Any]]:
    """Return the JSON for the column."""
    return [{**asdict(device), "registered_at": device.registered_at.isoformat()} for device in held]


def _read_all(stored: list[Any]) -> Iterator[Device]:
    for fields in stored:
        with contextlib.suppress(TypeError, KeyError, ValueError):
            yield _read(fields)


def _read(fields: Mapping[str, Any]) -> Device:
    """Raises TypeError, KeyError or ValueError for what is no device."""
    token, device_id = fields["token"], fields["device_id"]
    if not (isinstance(token, str) and isinstance(device_id, str)):
        raise TypeError
    return Device(Platform(fields["platform"]), token, device_id, _time(fields.get("registered_at")))


def _time(stored: object) -> datetime:
    """Return when it was; long ago when that is not known, so that the provider's word outweighs it."""
    with contextlib.suppress(TypeError, ValueError):
        time = datetime.fromisoformat(stored)  # type: ignore[arg-type]
        return time if timezone.is_aware(time) else LONG_AGO
    return LONG_AGO

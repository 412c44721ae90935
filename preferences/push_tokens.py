"""Devices that get pushes: `users.push_tokens`, a list of {"platform", "token", "device_id", "registered_at"}.

A token belongs to one user and to one device. It leaves at logout, when somebody else signs in on the phone, or on the
provider's own word that it is dead (spec §6 "Push"). The list is in the order of registration.
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from preferences.models import User

MAX_DEVICES: Final = 20  # of one user; who registers another one loses the oldest registration

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
        _lock_tokens([token])
        device = Device(platform, token, device_id, timezone.now())  # not older than a registration we waited for
        holders = Q(id=user_id) | Q(push_tokens__contains=[{"token": token}])
        for id_, held in _locked(holders):
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
        for id_, held in _locked(Q(id=user_id)):
            kept = tuple(device for device in held if not is_gone(device))
            if kept != held:
                _store(id_, kept)
                return True
    return False


def _with(device: Device, others: list[Device]) -> tuple[Device, ...]:
    """Return the newest registrations, this one last."""
    return tuple([*(each for each in others if each.device_id != device.device_id), device][-MAX_DEVICES:])


# --- Registrations of the past -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PastRegistration:
    """A registration on another system's list; `registered_at` (aware) is None where the list does not say."""

    user_id: UUID  # of a user who exists
    platform: Platform
    token: str
    device_id: str
    registered_at: datetime | None


class Became(StrEnum):
    """What became of a registration of the past."""

    REGISTERED = "registered"
    ALREADY_THERE = "already_there"  # the same one, as old or newer
    NEWER_THERE = "newer_there"  # its device or its token has registered since
    TOO_MANY_DEVICES = "too_many_devices"  # its user has MAX_DEVICES newer ones


def register_past(registrations: Sequence[PastRegistration], *, now: datetime) -> list[Became]:
    """Register the devices in order, by the rules of `register`, and return what became of each; all or nothing.

    What has registered since stays; where nobody knows when, all that is here does, since an old list must not silence
    a living phone. A time that is not known is stored as `now`.
    """
    tokens = sorted({each.token for each in registrations})
    with transaction.atomic():
        _lock_tokens(tokens)
        users = {each.user_id for each in registrations} | _holders(tokens)
        before = dict(_locked(Q(id__in=users)))
        held = _Held(before)
        became = [held.register(each, now) for each in registrations]
        _store_many({id_: kept for id_, kept in held.devices.items() if kept != before[id_]})
    return became


def rehearse_past(registrations: Sequence[PastRegistration], *, now: datetime) -> list[Became]:
    """Return what `register_past` would, and change nothing."""
    users = {each.user_id for each in registrations} | _holders({each.token for each in registrations})
    rows = User.objects.filter(id__in=users).values_list("id", "push_tokens")
    held = _Held({id_: devices(stored) for id_, stored in rows})
    return [held.register(each, now) for each in registrations]


class _Held:
    """Some users' devices, as one registration after the other changes them."""

    def __init__(self, devices: Mapping[UUID, tuple[Device, ...]]) -> None:
        self.devices = dict(devices)
        self._holders: defaultdict[str, set[UUID]] = defaultdict(set)  # by token; also those that have lost it
        for id_, held in self.devices.items():
            for device in held:
                self._holders[device.token].add(id_)

    def register(self, past: PastRegistration, now: datetime) -> Became:
        time = past.registered_at or _LONG_AGO
        holders = self._holders[past.token] | {past.user_id}
        rivals = [(id_, device) for id_ in holders for device in self.devices[id_] if _is_rival(id_, device, past)]
        if any(device.registered_at >= time for _, device in rivals):
            return Became.ALREADY_THERE if any(_is_same(*rival, past) for rival in rivals) else Became.NEWER_THERE
        for id_ in holders:
            self.devices[id_] = tuple(each for each in self.devices[id_] if (id_, each) not in rivals)
        return self._add(Device(past.platform, past.token, past.device_id, past.registered_at or now), past)

    def _add(self, device: Device, past: PastRegistration) -> Became:
        mine = self.devices[past.user_id]
        if past.registered_at is None and len(mine) >= MAX_DEVICES:
            return Became.TOO_MANY_DEVICES
        kept = sorted([*mine, device], key=attrgetter("registered_at"))[-MAX_DEVICES:]
        self.devices[past.user_id] = tuple(kept)
        self._holders[device.token].add(past.user_id)
        return Became.REGISTERED if device in kept else Became.TOO_MANY_DEVICES


def _is_rival(user_id: UUID, device: Device, past: PastRegistration) -> bool:
    """Whether the two cannot both be true: a token is on one device, and a user's device has one token."""
    return device.token == past.token or (user_id == past.user_id and device.device_id == past.device_id)


def _is_same(user_id: UUID, device: Device, past: PastRegistration) -> bool:
    held = (user_id, device.platform, device.token, device.device_id)
    return held == (past.user_id, past.platform, past.token, past.device_id)


# --- The column ----------------------------------------------------------------------------------------------


def _lock_tokens(tokens: Sequence[str]) -> None:
    """Have registrations of the same tokens wait for each other until the end of the transaction.

    Row locks are not enough: as long as nobody holds the token, two users who register it lock different rows. Whoever
    locks several gives them in the order of text.
    """
    with connection.cursor() as cursor:
        keys = [f"push token {token}" for token in tokens]
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(%s::text[]) AS key", [keys])


_HOLDERS = """
    SELECT DISTINCT users.id FROM unnest(%s::jsonb[]) AS wanted (entry) JOIN users ON push_tokens @> wanted.entry
"""


def _holders(tokens: Collection[str]) -> set[UUID]:
    """Return who has any of the tokens."""
    with connection.cursor() as cursor:  # a join, since the index answers for one token at a time
        cursor.execute(_HOLDERS, [[orjson.dumps([{"token": token}]).decode() for token in tokens]])
        return {id_ for (id_,) in cursor}


def _locked(wanted: Q) -> list[tuple[UUID, tuple[Device, ...]]]:
    """Lock these users' rows, always in the same order, and return their devices.

    No-key: rows that refer to a user, as every notification does, are inserted meanwhile.
    """
    rows = User.objects.filter(wanted).order_by("id").select_for_update(no_key=True)
    return [(id_, devices(stored)) for id_, stored in rows.values_list("id", "push_tokens")]


def _store(user_id: UUID, held: tuple[Device, ...]) -> None:
    """Write nothing else of the row: preferences change at the same time."""
    User.objects.filter(id=user_id).update(push_tokens=_as_stored(held))


_STORE_MANY = """
    UPDATE users SET push_tokens = new.push_tokens
    FROM json_to_recordset(%s) AS new (id uuid, push_tokens jsonb) WHERE users.id = new.id
"""


def _store_many(held: Mapping[UUID, tuple[Device, ...]]) -> None:
    rows = [{"id": id_, "push_tokens": _as_stored(devices)} for id_, devices in held.items()]
    with connection.cursor() as cursor:
        cursor.execute(_STORE_MANY, [orjson.dumps(rows).decode()])


def _as_stored(held: tuple[Device, ...]) -> list[dict[str, Any]]:
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
        return time if timezone.is_aware(time) else _LONG_AGO
    return _LONG_AGO

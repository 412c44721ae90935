"""Devices from another system's list. They give way to whatever has registered here since.

Who races for a token, and in which order rows are locked, is as in preferences/push_tokens.py.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Q

from preferences import push_tokens
from preferences.models import User
from preferences.push_tokens import LONG_AGO, MAX_DEVICES, Device, Platform


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


def register(registrations: Sequence[PastRegistration], *, now: datetime) -> list[Became]:
    """Register the devices in order, by the rules of push_tokens.register. Return what became of each; all or nothing.

    What has registered since stays; where nobody knows when, all that is here does, since an old list must not silence
    a living phone. A time that is not known is stored as `now`.
    """
    with transaction.atomic():
        push_tokens.lock_tokens(sorted({each.token for each in registrations}))
        before = dict(push_tokens.locked(Q(id__in=_concerned(registrations))))
        held = _Held(before)
        became = [held.register(each, now) for each in registrations]
        _store_many({id_: kept for id_, kept in held.devices.items() if kept != before[id_]})
    return became


def rehearse(registrations: Sequence[PastRegistration], *, now: datetime) -> list[Became]:
    """Return what `register` would, and change nothing."""
    rows = User.objects.filter(id__in=_concerned(registrations)).values_list("id", "push_tokens")
    held = _Held({id_: push_tokens.devices(stored) for id_, stored in rows})
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
        time = past.registered_at or LONG_AGO
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


# --- Rows ----------------------------------------------------------------------------------------------------


def _concerned(registrations: Sequence[PastRegistration]) -> set[UUID]:
    """Return whose devices may change: those who are named, and those who have any of the tokens."""
    return {each.user_id for each in registrations} | _holders({each.token for each in registrations})


_HOLDERS = """
    SELECT DISTINCT users.id FROM unnest(%s::jsonb[]) AS wanted (entry) JOIN users ON push_tokens @> wanted.entry
"""


def _holders(tokens: Collection[str]) -> set[UUID]:
    """Return who has any of the tokens."""
    with connection.cursor() as cursor:  # a join, since the index answers for one token at a time
        cursor.execute(_HOLDERS, [[orjson.dumps([{"token": token}]).decode() for token in tokens]])
        return {id_ for (id_,) in cursor}


_STORE_MANY = """
    UPDATE users SET push_tokens = new.push_tokens
    FROM json_to_recordset(%s) AS new (id uuid, push_tokens jsonb) WHERE users.id = new.id
"""


def _store_many(held: Mapping[UUID, tuple[Device, ...]]) -> None:
    rows = [{"id": id_, "push_tokens": push_tokens.as_stored(devices)} for id_, devices in held.items()]
    with connection.cursor() as cursor:
        cursor.execute(_STORE_MANY, [orjson.dumps(rows).decode()])

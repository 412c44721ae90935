"""What a user chose, as stored in `users.notification_preferences` and resolved against the catalogue.

Only what differs from the defaults counts, and it is resolved when read: a new type needs no backfill.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.digest_periods import DigestFrequency, next_digest_at

DEFAULT_DIGEST_TIME = time(9)
TIME_OF_DAY: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5]?[0-9])")
_CHANNEL_NAMES = frozenset(channel.value for channel in Channel)


class InvalidChoices(ValueError):
    """The body of a PUT or a PATCH does not fit; `details` maps the field's path to what is wrong with it."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in details.items()))
        self.details = dict(details)


@dataclass(frozen=True, slots=True)
class Choices:
    """One user's choices: per type and channel where given, and how mail is gathered."""

    overrides: Mapping[str, Mapping[Channel, bool]] = field(default_factory=dict)
    email_digest: DigestFrequency = DigestFrequency.IMMEDIATE
    timezone: str = ""  # IANA name; empty: the product's default
    digest_time: time = DEFAULT_DIGEST_TIME

    def wants(self, type_: NotificationType, channel: Channel) -> bool:
        """Whether this user gets `type_` on `channel`: the lock, else the choice, else the default."""
        default = type_.default(channel)
        if channel in type_.locked:
            return default
        return self.overrides.get(type_.name, {}).get(channel, default)

    @property
    def zone(self) -> ZoneInfo:
        """The user's time zone, or the product's default."""
        return ZoneInfo(self.timezone or settings.DEFAULT_TIMEZONE)

    def next_digest_at(self, now: datetime) -> datetime:
        """Return the first digest instant after `now`, in UTC; only for hourly, daily and weekly."""
        # Within a minute everybody with the same choice has the same answer.
        minute = now.replace(second=0, microsecond=0)
        answer = _next_digest_at(self.email_digest, minute, self.zone, self.digest_time)
        if answer <= now:
            return next_digest_at(self.email_digest, after=now, zone=self.zone, at=self.digest_time)
        return answer


DEFAULTS = Choices()


@lru_cache(maxsize=4096)
def _next_digest_at(frequency: DigestFrequency, minute: datetime, zone: ZoneInfo, at: time) -> datetime:
    return next_digest_at(frequency, after=minute, zone=zone, at=at)


def from_stored(stored: object) -> Choices:
    """Read the JSONB column. What no longer fits (a type that was removed) is passed over, never an error."""
    if not stored or not isinstance(stored, Mapping):
        return DEFAULTS
    return _Reader(stored).read()


def from_request(body: object) -> Choices:
    """Read the body of PUT /api/v1/notifications/preferences, or of PATCH.

    Raises InvalidChoices for an unknown type, channel or key, a wrong JSON type, or a contradicted lock.
    """
    if not isinstance(body, Mapping):
        raise InvalidChoices({"": "must be an object"})
    reader = _Reader(body)
    choices = reader.read()
    if reader.problems:
        raise InvalidChoices(reader.problems)
    return choices


def to_stored(choices: Choices) -> dict[str, Any]:
    """Return the JSON for the column: the shape of the PUT body, with only what was given."""
    stored: dict[str, Any] = {
        "preferences": {
            type_: {channel.value: wanted for channel, wanted in channels.items()}
            for type_, channels in choices.overrides.items()
        },
        "email_digest": choices.email_digest.value,
    }
    if choices.timezone:
        stored["timezone"] = choices.timezone
    if choices.digest_time != DEFAULT_DIGEST_TIME:
        stored["digest_time"] = f"{choices.digest_time:%H:%M}"
    return stored


class _Reader:
    """Reads one JSON object into Choices, and gathers every problem on the way."""

    _KEYS = frozenset({"preferences", "email_digest", "timezone", "digest_time"})

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self.problems: dict[str, str] = {key: "unknown key" for key in body if key not in self._KEYS}

    def read(self) -> Choices:
        return Choices(
            overrides=self._overrides(),
            email_digest=self._email_digest(),
            timezone=self._timezone(),
            digest_time=self._digest_time(),
        )

    def _overrides(self) -> Mapping[str, Mapping[Channel, bool]]:
        given = self._body.get("preferences", {})
        if not isinstance(given, Mapping):
            self.problems["preferences"] = "must be an object of types"
            return {}
        overrides = {}
        for name, channels in given.items():
            if name not in CATALOG:
                self.problems[f"preferences.{name}"] = "unknown type"
            elif not isinstance(channels, Mapping):
                self.problems[f"preferences.{name}"] = "must be an object of channels"
            else:
                overrides[name] = self._channels(CATALOG[name], channels)
        return overrides

    def _channels(self, type_: NotificationType, given: Mapping[str, Any]) -> Mapping[Channel, bool]:
        channels = {}
        for name, wanted in given.items():
            path = f"preferences.{type_.name}.{name}"
            if name not in _CHANNEL_NAMES:
                self.problems[path] = "unknown channel"
            elif not isinstance(wanted, bool):
                self.problems[path] = "must be true or false"
            elif Channel(name) in type_.locked and wanted != type_.default(Channel(name)):
                self.problems[path] = "is locked for this type"
            else:
                channels[Channel(name)] = wanted
        return channels

    def _email_digest(self) -> DigestFrequency:
        given = self._body.get("email_digest", DigestFrequency.IMMEDIATE)
        try:
            return DigestFrequency(given)
        except ValueError:
            self.problems["email_digest"] = f"must be one of {', '.join(DigestFrequency)}"
            return DigestFrequency.IMMEDIATE

    def _timezone(self) -> str:
        given = self._body.get("timezone", "")
        if isinstance(given, str) and (not given or given in _zones()):
            return given
        self.problems["timezone"] = "must be an IANA time zone"
        return ""

    def _digest_time(self) -> time:
        given = self._body.get("digest_time", f"{DEFAULT_DIGEST_TIME:%H:%M}")
        written = TIME_OF_DAY.fullmatch(given) if isinstance(given, str) else None
        if written is None:
            self.problems["digest_time"] = 'must be a time such as "09:00"'
            return DEFAULT_DIGEST_TIME
        hour, minute = written.groups()
        return time(int(hour), int(minute))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Every zone that can be loaded here; a link of the host's own such as `localtime` is none."""
    return frozenset(available_timezones())

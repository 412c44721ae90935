"""Devices that another system registered, from a CSV file (docs/backfills.md). Tokens appear in no output."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

from notifications.backfilling.batches import Became, Entry, InvalidLine, Loader, Tally
from notifications.backfilling.files import BackfillFile, UnfitFile, read_lines
from notifications.events import MAX_FUTURE
from notifications.models import Backfill, Rejection
from preferences import past_registrations, people
from preferences.decisions import Reason
from preferences.models import User
from preferences.past_registrations import PastRegistration
from preferences.push_tokens import DEVICE_ID, TOKENS, Platform

_REQUIRED: Final = frozenset({"user", "platform", "token", "device_id"})
_OPTIONAL: Final = frozenset({"registered_at"})

#: In the words of all backfills, where they have one.
_WORDS: Final[Mapping[past_registrations.Became, str]] = {
    past_registrations.Became.REGISTERED: Became.STORED,
    past_registrations.Became.ALREADY_THERE: Became.ALREADY_THERE,
    past_registrations.Became.NEWER_THERE: "newer_there",
    past_registrations.Became.TOO_MANY_DEVICES: "too_many_devices",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """One line: a device, and whose it is as the file names people."""

    user: str  # address, usr_… or UUID
    platform: Platform
    token: str
    device_id: str
    registered_at: datetime | None  # aware

    def of(self, user: User) -> PastRegistration:
        """Return it with the user found."""
        return PastRegistration(user.id, self.platform, self.token, self.device_id, self.registered_at)


class PushTokenLoader(Loader[Registration]):
    """Reads one registration a line, below the file's header."""

    kind = Backfill.Kind.PUSH_TOKENS

    def __init__(self, file: BackfillFile) -> None:
        """Read the header. Raises UnfitFile when a column is missing or unknown."""
        self._columns = _columns(file)

    def read(self, text: str, *, number: int) -> Registration | None:
        """Read one registration by the rules of POST /api/v1/push-tokens."""
        if number == 1:
            return None
        fields = _fields(text)
        if len(fields) != len(self._columns):
            raise _wrong(f"{len(fields)} fields below {len(self._columns)} columns")
        return _registration(dict(zip(self._columns, fields, strict=True)))

    def store(self, entries: Sequence[Entry[Registration]], *, run_id: int) -> Tally:
        """Register the devices."""
        found, left_out = _find(entries)
        return _tally(past_registrations.register(found, now=timezone.now()), left_out)

    def rehearse(self, entries: Sequence[Entry[Registration]]) -> Tally:
        """Say what registering the devices would do."""
        found, left_out = _find(entries)
        return _tally(past_registrations.rehearse(found, now=timezone.now()), left_out)


def _find(entries: Sequence[Entry[Registration]]) -> tuple[list[PastRegistration], Counter[str]]:
    """Return the registrations of people who can have any, and how many others there are by reason."""
    users = people.find_many({entry.value.user for entry in entries})
    found: list[PastRegistration] = []
    left_out: Counter[str] = Counter()
    for entry in entries:
        user = users.get(entry.value.user)
        if user is None:
            left_out[Reason.UNKNOWN_USER] += 1
        elif not user.is_active:
            left_out[Reason.INACTIVE_USER] += 1
        else:
            found.append(entry.value.of(user))
    return found, left_out


def _tally(became: Sequence[past_registrations.Became], left_out: Counter[str]) -> Tally:
    return Tally(Counter(_WORDS[each] for each in became) + left_out)


# --- Reading -------------------------------------------------------------------------------------------------


def _columns(file: BackfillFile) -> list[str]:
    first = next(read_lines(file, position=0, done=0), None)
    text = (first.text or b"").decode(errors="replace") if first else ""
    try:
        columns = [name.strip() for name in _fields(text)]
    except InvalidLine:
        columns = []
    names = set(columns)
    if len(columns) != len(names) or not names >= _REQUIRED or names - _REQUIRED - _OPTIONAL:
        raise UnfitFile(
            "The first line must name the columns: user,platform,token,device_id and perhaps registered_at."
        )
    return columns


def _fields(text: str) -> list[str]:
    """Return the fields of a line by RFC 4180, without line breaks in fields, since none of ours has any."""
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise _wrong("not CSV") from None


def _registration(fields: Mapping[str, str]) -> Registration:
    """Check the fields; what is wrong is told without the values."""
    if fields["platform"] not in set(Platform):
        raise _wrong(f"platform must be {' or '.join(Platform)}")
    platform = Platform(fields["platform"])
    if not TOKENS[platform].fullmatch(fields["token"]):
        raise _wrong(f"token is none of {platform}")
    if not DEVICE_ID.fullmatch(fields["device_id"]):
        raise _wrong("device_id must be 1 to 128 printable ASCII characters")
    registered_at = _time(fields.get("registered_at", ""))
    return Registration(fields["user"], platform, fields["token"], fields["device_id"], registered_at)


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        is_aware = timezone.is_aware(time)
        time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong("registered_at must be a time by ISO 8601") from None
    if not is_aware:
        raise _wrong("registered_at must have an offset")
    if time > timezone.now() + MAX_FUTURE:  # nothing could ever be newer
        raise _wrong("registered_at lies in the future")
    return time


def _wrong(detail: str) -> InvalidLine:
    return InvalidLine(Rejection.WRONG_SHAPE, detail)

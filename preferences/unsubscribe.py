"""The way out of mail: signed links, what they may change, and undo (spec §6 "Email").

A link works without a login, so it can do little: turn one person's mail off or down, and take that back within the
hour. It touches the bell and the phone in no way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction

from preferences import choices, people
from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User

PATH: Final = "email/unsubscribe/"
LIFETIME: Final = timedelta(days=400)
UNDO_LIFETIME: Final = timedelta(hours=1)
#: Between the parts of a token: unlike Django's colon, no mail client takes a dot inside for the end of the link.
_SEPARATOR: Final = "."


def _links() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="preferences.unsubscribe", sep=_SEPARATOR)


def _changes() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="preferences.unsubscribe.undo", sep=_SEPARATOR)


class InvalidLink(ValueError):
    """Damaged, expired, or of somebody who is not there any more: no telling which."""


class InvalidUndo(ValueError):
    """Damaged, expired, or not of this link."""


class TypeIsLocked(Exception):
    """Mail of this type cannot be turned off alone."""


class Choice(StrEnum):
    """What whoever holds a link may choose."""

    TYPE = "type"  # no mail of the link's type
    ALL = "all"  # no mail at all, of types to come either
    DAILY = "daily"  # everything in one mail a day


_DIGESTS: Final = {Choice.ALL: DigestFrequency.NEVER, Choice.DAILY: DigestFrequency.DAILY}


@dataclass(frozen=True, slots=True)
class Link:
    """Whose mail, and of which type; `type_name` is None for all mail."""

    user_id: UUID
    type_name: str | None

    @property
    def type(self) -> NotificationType | None:
        """The link's type; None also when the catalogue dropped it since."""
        return CATALOG.get(self.type_name) if self.type_name else None

    @property
    def meaning(self) -> Choice:
        """What one click in a mail program chooses (RFC 8058)."""
        return Choice.ALL if self.type_name is None else Choice.TYPE

    @property
    def is_locked(self) -> bool:
        """Whether mail of the link's type cannot be turned off alone."""
        return self.type is not None and Channel.EMAIL in self.type.locked

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be chosen here."""
        return tuple(choice for choice in Choice if choice is not Choice.TYPE or self.type_name)


@dataclass(frozen=True, slots=True)
class _Change:
    """One choice before and after: mail of `type_name` (None: left to the default), or else how mail is gathered."""

    user_id: UUID
    type_name: str | None
    before: bool | str | None
    after: bool | str | None

    def signed(self) -> str:
        """Return the token by which the change can be taken back."""
        return _changes().sign_object([self.user_id.hex, self.type_name, self.before, self.after])


def link(user_id: UUID, type_name: str | None) -> str:
    """Return the address that stops mail of this type, or all mail (None), without a login."""
    return f"{settings.PUBLIC_URL}/{PATH}{_links().sign_object([user_id.hex, type_name])}"


def read(token: str) -> Link:
    """Return what the link is about. Raises InvalidLink."""
    try:
        user_id, type_name = _links().unsign_object(token, max_age=LIFETIME)
    except signing.BadSignature as error:
        raise InvalidLink(type(error).__name__) from error
    return Link(UUID(user_id), type_name)


def choices_of(link: Link) -> Choices:
    """Return what the person has chosen. Raises InvalidLink when nobody has this id any more."""
    return _read_choices(link, lock=False)


def choose(link: Link, choice: Choice) -> str | None:
    """Make the choice; return the token for `undo`, or None when nothing had to be changed.

    Raises InvalidLink, or TypeIsLocked.
    """
    if choice is Choice.TYPE and link.is_locked:
        raise TypeIsLocked(link.type_name)
    with _choices_for_change(link) as chosen:
        change = _change(link, choice, chosen)
        if change.before == change.after:
            return None
        _store(change, chosen, change.after)
    return change.signed()


def prepare_undo(link: Link, choice: Choice, chosen: Choices) -> str | None:
    """Return what `choose` would return now: a form that is sent twice then still knows what was before."""
    change = _change(link, choice, chosen)
    return None if change.before == change.after else change.signed()


def undo(link: Link, token: str) -> bool:
    """Restore what was chosen before; False when it has been chosen otherwise since, which then stays.

    Raises InvalidLink, or InvalidUndo.
    """
    change = _read_change(link, token)
    with _choices_for_change(link) as chosen:
        if _value(chosen, change.type_name) != change.after:
            return False
        _store(change, chosen, change.before)
    return True


def _read_change(link: Link, token: str) -> _Change:
    try:
        user_id, type_name, before, after = _changes().unsign_object(token, max_age=UNDO_LIFETIME)
    except signing.BadSignature as error:
        raise InvalidUndo(type(error).__name__) from error
    change = _Change(UUID(user_id), type_name, before, after)
    if change.user_id != link.user_id or change.type_name not in (None, link.type_name):
        raise InvalidUndo("is of another link")
    return change


def _change(link: Link, choice: Choice, chosen: Choices) -> _Change:
    """Return what the choice changes, given what was chosen so far."""
    if choice in _DIGESTS:
        return _Change(link.user_id, None, chosen.email_digest.value, _DIGESTS[choice].value)
    after = False if link.type else None  # of a type that is gone there is no mail
    return _Change(link.user_id, link.type_name, _value(chosen, link.type_name), after)


def _value(chosen: Choices, type_name: str | None) -> bool | str | None:
    if type_name is None:
        return chosen.email_digest.value
    return chosen.overrides.get(type_name, {}).get(Channel.EMAIL)


@contextmanager
def _choices_for_change(link: Link) -> Iterator[Choices]:
    """Keep the choices from being replaced by a PUT in between."""
    with transaction.atomic():
        yield _read_choices(link, lock=True)


def _read_choices(link: Link, *, lock: bool) -> Choices:
    # A weaker lock than usual: inserts of notifications, which refer to the row, go on.
    users = User.objects.select_for_update(no_key=True) if lock else User.objects.all()
    stored = users.filter(id=link.user_id).values_list("notification_preferences", flat=True)
    for preferences in stored:
        return choices.from_stored(preferences)
    raise InvalidLink("nobody's")


def _store(change: _Change, chosen: Choices, value: bool | str | None) -> None:
    people.store_choices(change.user_id, _with(chosen, change.type_name, value))


def _with(chosen: Choices, type_name: str | None, value: bool | str | None) -> Choices:
    if type_name is None:
        return replace(chosen, email_digest=DigestFrequency(str(value)))
    channels = dict(chosen.overrides.get(type_name, {}))
    channels.pop(Channel.EMAIL, None)
    if isinstance(value, bool):
        channels[Channel.EMAIL] = value
    others = {name: given for name, given in chosen.overrides.items() if name != type_name}
    return replace(chosen, overrides={**others, type_name: channels} if channels else others)

"""The way out of mail: signed links, what they may change, and undo (spec §6 "Email").

A link works without a login, so it can do little: turn one person's mail off or down, turn mail of its own type on
again, and take each back within the hour. It touches the bell and the phone in no way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction

from preferences import people, unsubscribe_changes
from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.choices import Choices
from preferences.unsubscribe_changes import DIGESTS, SEPARATOR, Change, Choice, InvalidUndo

PATH: Final = "email/unsubscribe/"
LIFETIME: Final = timedelta(days=400)


class InvalidLink(ValueError):
    """Damaged, expired, or of somebody who is not there any more: no telling which."""


class TypeIsLocked(Exception):
    """Mail of this type cannot be turned off alone."""


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
        return tuple(choice for choice in Choice if self.type_name or not choice.is_of_one_type)


@dataclass(frozen=True, slots=True)
class Standing:
    """A change that still holds: what was chosen, or that it was undone."""

    choice: Choice
    is_undone: bool


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
    return _read_choices(link)


def choose(link: Link, choice: Choice) -> str | None:
    """Make the choice; return the token for `undo`, or None when nothing had to be changed.

    Raises InvalidLink, or TypeIsLocked.
    """
    if choice.is_of_one_type and link.is_locked:
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
        if unsubscribe_changes.value(chosen, change.type_name) != change.after:
            return False
        _store(change, chosen, change.before)
    return True


def standing(link: Link, token: str, chosen: Choices) -> Standing | None:
    """Return what became of the change behind the token of an undo; None when something else was chosen since.

    Raises InvalidUndo.
    """
    change = _read_change(link, token)
    value = unsubscribe_changes.value(chosen, change.type_name)
    if value not in (change.before, change.after):
        return None
    return Standing(change.choice, is_undone=value == change.before)


def _read_change(link: Link, token: str) -> Change:
    change = unsubscribe_changes.read(token)
    if change.user_id != link.user_id or change.type_name not in (None, link.type_name):
        raise InvalidUndo("is of another link")
    return change


def _change(link: Link, choice: Choice, chosen: Choices) -> Change:
    """Return what the choice changes, given what was chosen so far."""
    if choice in DIGESTS:
        return Change(link.user_id, None, chosen.email_digest.value, DIGESTS[choice].value)
    before = unsubscribe_changes.value(chosen, link.type_name)
    after: bool | str | None
    if link.type is None:  # it is gone, and its mail with it
        after = None
    elif choice is Choice.TYPE:
        after = False
    elif chosen.wants(link.type, Channel.EMAIL):
        after = before
    else:
        after = None if link.type.default(Channel.EMAIL) else True
    return Change(link.user_id, link.type_name, before, after)


@contextmanager
def _choices_for_change(link: Link) -> Iterator[Choices]:
    """Keep the choices from being replaced by a call in between."""
    with transaction.atomic():
        yield _read_choices(link, for_change=True)


def _read_choices(link: Link, *, for_change: bool = False) -> Choices:
    chosen = people.read_choices(link.user_id, for_change=for_change)
    if chosen is None:
        raise InvalidLink("nobody's")
    return chosen


def _store(change: Change, chosen: Choices, value: bool | str | None) -> None:
    people.store_choices(change.user_id, unsubscribe_changes.with_value(chosen, change.type_name, value))


def _links() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="preferences.unsubscribe", sep=SEPARATOR)

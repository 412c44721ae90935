"""One choice that a link in a mail made, as a value: what it was before and after, and the token that undoes it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.core import signing

from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency

UNDO_LIFETIME: Final = timedelta(hours=1)
#: Between the parts of a token: unlike Django's colon, no mail client takes a dot inside for the end of the link.
SEPARATOR: Final = "."


class InvalidUndo(ValueError):
    """Damaged, expired, or not of this link."""


class Choice(StrEnum):
    """What whoever holds a link may choose."""

    TYPE = "type"  # no mail of the link's type
    AGAIN = "again"  # mail of the link's type, after all
    ALL = "all"  # no mail at all, of types to come either
    DAILY = "daily"  # all mail in one a day
    WEEKLY = "weekly"  # all mail in one a week

    @property
    def is_of_one_type(self) -> bool:
        """Whether it is about one type; else it is about how mail is gathered."""
        return self not in DIGESTS


DIGESTS: Final = {
    Choice.ALL: DigestFrequency.NEVER,
    Choice.DAILY: DigestFrequency.DAILY,
    Choice.WEEKLY: DigestFrequency.WEEKLY,
}


@dataclass(frozen=True, slots=True)
class Change:
    """Mail of `type_name` (True, False, or None: the default), or else how mail is gathered, before and after."""

    user_id: UUID
    type_name: str | None
    before: bool | str | None
    after: bool | str | None

    @property
    def choice(self) -> Choice:
        """What was chosen."""
        if self.type_name is not None:
            return Choice.TYPE if self.after is False else Choice.AGAIN
        return next(choice for choice, frequency in DIGESTS.items() if frequency == self.after)

    def signed(self) -> str:
        """Return the token by which the change can be taken back, and told of."""
        return _signer().sign_object([self.user_id.hex, self.type_name, self.before, self.after])


def read(token: str) -> Change:
    """Return the change behind a token. Raises InvalidUndo."""
    try:
        user_id, type_name, before, after = _signer().unsign_object(token, max_age=UNDO_LIFETIME)
    except signing.BadSignature as error:
        raise InvalidUndo(type(error).__name__) from error
    return Change(UUID(user_id), type_name, before, after)


def value(chosen: Choices, type_name: str | None) -> bool | str | None:
    """Return what a change of this type, or of how mail is gathered (None), would find."""
    if type_name is None:
        return chosen.email_digest.value
    return chosen.overrides.get(type_name, {}).get(Channel.EMAIL)


def with_value(chosen: Choices, type_name: str | None, value: bool | str | None) -> Choices:
    """Return the choices with this one put in its place, and all others as they are."""
    if type_name is None:
        return replace(chosen, email_digest=DigestFrequency(str(value)))
    channels = dict(chosen.overrides.get(type_name, {}))
    channels.pop(Channel.EMAIL, None)
    if isinstance(value, bool):
        channels[Channel.EMAIL] = value
    others = {name: given for name, given in chosen.overrides.items() if name != type_name}
    return replace(chosen, overrides={**others, type_name: channels} if channels else others)


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="preferences.unsubscribe.undo", sep=SEPARATOR)

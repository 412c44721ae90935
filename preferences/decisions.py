"""The one decision of the product: does this person get this event, on which channel, and why.

`decide` is pure. The live pipeline and every explanation call it, so they cannot disagree (spec §5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from preferences.catalog import Channel, NotificationType
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency


class Outcome(StrEnum):
    """What becomes of one event for one person on one channel."""

    SEND = "send"
    HOLD = "hold"  # for a digest
    SUPPRESS = "suppress"


class Reason(StrEnum):
    """Why; stored with every decision, counted, and told to whoever asks."""

    PREFERENCE_ON = "preference_on"  # wanted, by choice or by default
    DIGEST_HOURLY = "digest_hourly"  # wanted, and gathered until the hour
    DIGEST_DAILY = "digest_daily"  # wanted, and gathered until the user's time of day
    DIGEST_WEEKLY = "digest_weekly"  # wanted, and gathered until Monday
    PREFERENCE_OFF = "preference_off"  # not wanted, by choice or by default
    DIGEST_NEVER = "digest_never"  # wants no mail at all
    OWN_ACTION = "own_action"  # the recipient did it
    NOT_IN_ROLLOUT = "not_in_rollout"  # the flag is not on for this user
    UNKNOWN_USER = "unknown_user"  # nobody has this id
    INACTIVE_USER = "inactive_user"  # the account is closed
    NO_EMAIL_ADDRESS = "no_email_address"
    ADDRESS_SUPPRESSED = "address_suppressed"  # bounced for good, or complained
    NO_PUSH_TOKEN = "no_push_token"  # nosec B105 # noqa: S105 - no device is registered
    STALE = "stale"  # too old to be worth an interruption
    ALREADY_READ = "already_read"  # read in the bell before it was sent
    UNKNOWN_TYPE = "unknown_type"  # the catalogue dropped the type while it waited

    @property
    def outcome(self) -> Outcome:
        """What this reason leads to."""
        return _OUTCOMES.get(self, Outcome.SUPPRESS)


_DIGESTS: Mapping[DigestFrequency, Reason] = {
    DigestFrequency.HOURLY: Reason.DIGEST_HOURLY,
    DigestFrequency.DAILY: Reason.DIGEST_DAILY,
    DigestFrequency.WEEKLY: Reason.DIGEST_WEEKLY,
}
_OUTCOMES: Mapping[Reason, Outcome] = {
    Reason.PREFERENCE_ON: Outcome.SEND,
    **dict.fromkeys(_DIGESTS.values(), Outcome.HOLD),
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Everything about a person that a decision depends on."""

    id: UUID
    choices: Choices
    is_active: bool = True
    in_rollout: bool = True
    has_email_address: bool = True
    address_suppressed: bool = False
    has_push_token: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """One channel's outcome. `until` is the digest's instant in UTC, for HOLD alone."""

    reason: Reason
    until: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        """Send, hold or suppress."""
        return self.reason.outcome


@dataclass(frozen=True, slots=True)
class Decisions:
    """One event for one person: an outcome on each channel."""

    in_app: Decision
    email: Decision
    push: Decision

    def __getitem__(self, channel: Channel) -> Decision:
        match channel:
            case Channel.IN_APP:
                return self.in_app
            case Channel.EMAIL:
                return self.email
            case Channel.PUSH:
                return self.push


_BECAUSE = MappingProxyType({reason: Decision(reason) for reason in Reason if reason.outcome is not Outcome.HOLD})
_NOTHING_BECAUSE = MappingProxyType(
    {
        reason: Decisions(in_app=_BECAUSE[reason], email=_BECAUSE[reason], push=_BECAUSE[reason])
        for reason in (Reason.UNKNOWN_USER, Reason.INACTIVE_USER, Reason.NOT_IN_ROLLOUT, Reason.OWN_ACTION)
    }
)


def decide(
    type_: NotificationType,
    recipient: Recipient | None,
    *,
    actor_id: UUID | None,
    occurred_at: datetime,
    now: datetime,
) -> Decisions:
    """Decide each channel for one recipient; `recipient` is None when nobody has the id.

    `occurred_at` and `now` are aware. Rules in the order in which they apply: spec §1 (unknown, inactive, own
    action), §7 (rollout), §5 (preferences), §6 (addresses, tokens, digests, stale).
    """
    if recipient is None:
        return _NOTHING_BECAUSE[Reason.UNKNOWN_USER]
    if refusal := _refusal(type_, recipient, actor_id):
        return _NOTHING_BECAUSE[refusal]
    age = now - occurred_at
    return Decisions(
        in_app=_BECAUSE[_preference(type_, recipient, Channel.IN_APP)],
        email=_email(type_, recipient, now=now, is_stale=age > type_.max_age[Channel.EMAIL]),
        push=_push(type_, recipient, is_stale=age > type_.max_age[Channel.PUSH]),
    )


def _refusal(type_: NotificationType, recipient: Recipient, actor_id: UUID | None) -> Reason | None:
    """Return why this person gets nothing at all, or None."""
    if not recipient.is_active:
        return Reason.INACTIVE_USER
    if not recipient.in_rollout:
        return Reason.NOT_IN_ROLLOUT
    if recipient.id == actor_id and not type_.notifies_actor:
        return Reason.OWN_ACTION
    return None


def _preference(type_: NotificationType, recipient: Recipient, channel: Channel) -> Reason:
    wanted = recipient.choices.wants(type_, channel)
    return Reason.PREFERENCE_ON if wanted else Reason.PREFERENCE_OFF


def _email(type_: NotificationType, recipient: Recipient, *, now: datetime, is_stale: bool) -> Decision:
    choices = recipient.choices
    if choices.email_digest is DigestFrequency.NEVER:
        return _BECAUSE[Reason.DIGEST_NEVER]
    preference = _preference(type_, recipient, Channel.EMAIL)
    if preference is Reason.PREFERENCE_OFF:
        return _BECAUSE[preference]
    if not recipient.has_email_address:
        return _BECAUSE[Reason.NO_EMAIL_ADDRESS]
    if recipient.address_suppressed:
        return _BECAUSE[Reason.ADDRESS_SUPPRESSED]
    if choices.email_digest in _DIGESTS:
        return Decision(_DIGESTS[choices.email_digest], until=choices.next_digest_at(now))
    return _BECAUSE[Reason.STALE if is_stale else Reason.PREFERENCE_ON]


def _push(type_: NotificationType, recipient: Recipient, *, is_stale: bool) -> Decision:
    preference = _preference(type_, recipient, Channel.PUSH)
    if preference is Reason.PREFERENCE_OFF:
        return _BECAUSE[preference]
    if not recipient.has_push_token:
        return _BECAUSE[Reason.NO_PUSH_TOKEN]
    return _BECAUSE[Reason.STALE if is_stale else Reason.PREFERENCE_ON]

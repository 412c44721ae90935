"""The grounds of what happened, in words that fit behind "because", as they apply to one event and one person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from delivery.models import Delivery, SuppressedAddress
from notifications.tracing.clock import Clock, in_words
from notifications.tracing.evidence import Evidence
from notifications.tracing.reason_words import PLACES, WHOSE, WORDS, whose_will
from preferences.catalog import DEFAULT_MAX_AGE, Channel
from preferences.decisions import Outcome, Reason
from preferences.digest_periods import DigestFrequency

DIGESTS: Final[Mapping[Reason, DigestFrequency]] = {
    Reason.DIGEST_HOURLY: DigestFrequency.HOURLY,
    Reason.DIGEST_DAILY: DigestFrequency.DAILY,
    Reason.DIGEST_WEEKLY: DigestFrequency.WEEKLY,
}
_CAUSES: Final[Mapping[SuppressedAddress.Cause, str]] = {
    SuppressedAddress.Cause.BOUNCE: "earlier mail to their address came back for good",
    SuppressedAddress.Cause.COMPLAINT: "they marked an earlier mail as spam",
    SuppressedAddress.Cause.MANUAL: "support stopped all mail to their address",
}

#: A digest is of no type of its own; it is left out when nothing is left of what it gathered.
_OF_A_DIGEST: Final[Mapping[Reason, str]] = {
    Reason.ALREADY_READ: "they had read all of it in the bell before",
    Reason.PREFERENCE_OFF: "they no longer wanted what it gathers",
}


def because(evidence: Evidence, channel: Channel, reason: Reason, *, place: str = "") -> str:
    """Return the words of a reason; `place` names several channels for which it is the same."""
    suppression = evidence.suppression
    if reason is Reason.ADDRESS_SUPPRESSED and suppression and suppression.created_at <= _applied_at(evidence, channel):
        return f"{cause_of(suppression)} at {clock_of(evidence).tell(suppression.created_at)}"
    if reason is Reason.UNKNOWN_USER and evidence.addressee.user_id is None:
        return "that is no user id"
    if evidence.is_of_digest and reason in _OF_A_DIGEST:
        return _OF_A_DIGEST[reason]
    limit = (evidence.type.max_age if evidence.type else DEFAULT_MAX_AGE).get(channel, timedelta())
    return WORDS[reason].about_them.format(
        label=evidence.label,
        place=place or PLACES[channel],
        whose=_whose(evidence, channel, reason),
        age=in_words(_applied_at(evidence, channel) - evidence.happened_at),
        limit=in_words(limit),
    )


def cause_of(suppression: SuppressedAddress) -> str:
    """Say why an address gets no mail."""
    return _CAUSES[SuppressedAddress.Cause(suppression.cause)]


def digest_reason(evidence: Evidence, mail: Delivery) -> Reason | None:
    """Return which digest gathers the mail: by the choice of now, to which held mail moves, else by that of then.

    A digest that was made before the person chose anew is still what they had chosen then.
    """
    decided = evidence.reason(Channel.EMAIL)
    then = decided if decided in DIGESTS else None
    digest = _digest_of(mail)
    if digest is not None and evidence.addressee.chose_after(digest.created_at):
        return then
    chosen = evidence.addressee.choices.email_digest
    return next((reason for reason, frequency in DIGESTS.items() if frequency is chosen), then)


def digest_name(evidence: Evidence, mail: Delivery, *, clock: Clock | None = None) -> str:
    """Return "daily digest of 09:00 UTC on 5 March 2026", by the evidence's clock or another one."""
    digest, reason = _digest_of(mail), digest_reason(evidence, mail)
    kind = f"{DIGESTS[reason]} digest" if reason else "digest"
    # A digest that is tried again is due later, and keeps its instant.
    instant = digest.occurred_at if digest is not None else mail.due_at
    return f"{kind} of {(clock or clock_of(evidence)).tell(instant)}"


def clock_of(evidence: Evidence) -> Clock:
    """Return the clock of a sentence about this evidence: the person's own, on the day on which it happened."""
    return Clock(evidence.addressee.choices.zone).of(evidence.happened_at)


def carrier_of(delivery: Delivery) -> Delivery:
    """Return what the provider was given: the digest where one gathered it."""
    return delivery.digest or delivery


def _digest_of(mail: Delivery) -> Delivery | None:
    return mail if mail.is_digest else mail.digest


def _applied_at(evidence: Evidence, channel: Channel) -> datetime:
    """Return when a reason was found to apply: at the last look before sending, else when it was decided."""
    delivery = evidence.deliveries.get(channel)
    if delivery is not None:
        return delivery.updated_at
    return evidence.decided_at


def _whose(evidence: Evidence, channel: Channel, reason: Reason) -> str:
    if evidence.type is None or not evidence.addressee.exists:
        return ""
    was_decided = evidence.reason(channel) is reason  # else it was found at the last look before sending
    then = evidence.decided_at if was_decided else _applied_at(evidence, channel)
    will = whose_will(
        evidence.type,
        channel,
        choices=evidence.addressee.choices,
        was_on=reason.outcome is not Outcome.SUPPRESS,
        chose_since=evidence.addressee.chose_after(then),
    )
    return WHOSE[will]

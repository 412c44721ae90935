"""Why somebody got a notification, or did not, in plain words (spec §2, §8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from notifications.models import Decision, Notification
from preferences import choices
from preferences.catalog import CATALOG, Channel
from preferences.choices import Choices
from preferences.decisions import Outcome, Reason

PLACES: Final[Mapping[Channel, str]] = {Channel.IN_APP: "the bell", Channel.EMAIL: "mail", Channel.PUSH: "your phone"}

#: What each reason says to the person it concerns; `label` names the type, `place` the channel.
WORDS: Final[Mapping[Reason, str]] = {
    Reason.PREFERENCE_ON: "“{label}” is on for {place}",
    Reason.DIGEST_HOURLY: "“{label}” is on for {place}, and you get mail once an hour",
    Reason.DIGEST_DAILY: "“{label}” is on for {place}, and you get mail once a day",
    Reason.DIGEST_WEEKLY: "“{label}” is on for {place}, and you get mail once a week",
    Reason.PREFERENCE_OFF: "“{label}” is off for {place}",
    Reason.DIGEST_NEVER: "you want no mail at all",
    Reason.OWN_ACTION: "you did it yourself",
    Reason.NOT_IN_ROLLOUT: "notifications are not turned on for you yet",
    Reason.UNKNOWN_USER: "nobody had this account",
    Reason.INACTIVE_USER: "your account was closed",
    Reason.NO_EMAIL_ADDRESS: "we had no mail address of yours",
    Reason.ADDRESS_SUPPRESSED: "mail to your address came back, or was marked as spam",
    Reason.NO_PUSH_TOKEN: "no phone of yours was registered",
    Reason.STALE: "it was too old for {place} when it reached us",
    Reason.ALREADY_READ: "you had read it before",
    Reason.UNKNOWN_TYPE: "notifications of this kind do not exist any more",
}


@dataclass(frozen=True, slots=True)
class ChannelExplanation:
    """What was decided for one channel, and why."""

    channel: Channel
    outcome: Outcome
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this user got this notification: one sentence, and what was decided for each channel.

    `channels` is empty when the decision was pruned, which is long before the notification is.
    """

    notification_id: str
    type: str
    sentence: str
    channels: Sequence[ChannelExplanation]


def explain(user_id: UUID, notification_id: str) -> Explanation | None:
    """Explain one notification of this user; None when there is no such notification in their inbox."""
    row = Notification.objects.filter(user_id=user_id, id=notification_id).select_related("user").first()
    if row is None:
        return None
    label = CATALOG[row.type].label if row.type in CATALOG else row.type
    decision = Decision.objects.filter(event_id=row.event_id, user_id=user_id).first() if row.event_id else None
    chosen = choices.from_stored(row.user.notification_preferences)
    return Explanation(
        notification_id=row.id,
        type=row.type,
        sentence=f"You are among those it concerns, and “{label}” is on for the bell{_whose_choice(chosen, row.type)}.",
        channels=[_of_channel(channel, decision, label) for channel in Channel] if decision else [],
    )


def _whose_choice(chosen: Choices, type_name: str) -> str:
    type_ = CATALOG.get(type_name)
    if type_ is None:
        return ""
    if Channel.IN_APP in type_.locked:
        return ", for everybody"
    return ", as you chose" if Channel.IN_APP in chosen.overrides.get(type_name, {}) else " unless you turn it off"


def _of_channel(channel: Channel, decision: Decision, label: str) -> ChannelExplanation:
    reason = Reason(getattr(decision, channel.value))
    words = WORDS[reason].format(label=label, place=PLACES[channel])
    return ChannelExplanation(channel, reason.outcome, reason, words[0].upper() + words[1:] + ".")

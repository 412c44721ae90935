"""Why you got this: the bell's explanation of one notification, in words to the person itself (spec §5 "Explain").

It reads the record as the trace does (gathering.py), and has the same table of reasons (reason_words.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from notifications.models import Notification
from notifications.tracing import gathering
from notifications.tracing.evidence import Evidence
from notifications.tracing.reason_words import WORDS, YOUR_PLACES, Will, whose_will
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason


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


_BY_WHOSE_WILL: Final[Mapping[Will, str]] = {
    Will.LOCKED: "is on for the bell, for everybody",
    Will.CHOSEN: "is on for the bell, as you chose",
    Will.DEFAULT: "is on for the bell unless you turn it off",
    Will.CHANGED: "was on for the bell then",
}


def explain(user_id: UUID, notification_id: str) -> Explanation | None:
    """Explain one notification of this user; None when there is no such notification in their inbox."""
    if not Notification.objects.filter(user_id=user_id, id=notification_id).exists():
        return None
    found = gathering.of_notification(notification_id)
    if found is None:  # it went this very moment
        return None
    return Explanation(
        notification_id=notification_id,
        type=found.type_name,
        sentence=f"You are among those it concerns, and “{found.label}” {_why(found)}.",
        channels=[_of_channel(channel, found) for channel in Channel] if found.decision else [],
    )


def _why(found: Evidence) -> str:
    if found.type is None:
        return _BY_WHOSE_WILL[Will.CHANGED]
    person = found.addressee
    chose_since = person.chose_after(found.decided_at)
    will = whose_will(found.type, Channel.IN_APP, choices=person.choices, was_on=True, chose_since=chose_since)
    return _BY_WHOSE_WILL[will]


def _of_channel(channel: Channel, found: Evidence) -> ChannelExplanation:
    reason = found.reason(channel)
    assert reason is not None
    words = WORDS[reason].to_them.format(label=found.label, place=YOUR_PLACES[channel])
    return ChannelExplanation(channel, reason.outcome, reason, words[0].upper() + words[1:] + ".")

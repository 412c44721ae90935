"""What would happen if: the live decision, run dry for one person before anything is sent (spec §5 "Explain").

It asks what the pipeline asks, of `recipients.load` and `decide`, and writes, sends and calls nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from delivery import recipients
from delivery.transports.registry import OUTBOUND
from notifications.tracing.clock import Clock, in_words
from notifications.tracing.grounds import DIGESTS
from notifications.tracing.reason_words import OF_THE_PERSON, PLACES, WHOSE, WORDS, whose_will
from preferences import people, rollout, user_ids
from preferences.catalog import Channel, NotificationType
from preferences.choices import DEFAULTS, Choices
from preferences.decisions import Decision, Decisions, Outcome, Reason, decide

_GETS: Final[Mapping[Channel, str]] = {
    Channel.IN_APP: "see it in the bell at once",
    **{channel: f"get a {outbound.noun} at once" for channel, outbound in OUTBOUND.items()},
}
_GETS_NONE: Final[Mapping[Channel, str]] = {
    Channel.IN_APP: "not see it in the bell",
    **{channel: f"get no {outbound.noun}" for channel, outbound in OUTBOUND.items()},
}
_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.SEND: "at once",
    Outcome.HOLD: "in a digest",
    Outcome.SUPPRESS: "nothing",
}
_HELD_BACK: Final = (
    "Notifications are switched off at the moment: the event would wait, and be decided once they are on again."
)


@dataclass(frozen=True, slots=True)
class ChannelProspect:
    """What one channel would do, and why. `until` is the digest's instant (aware)."""

    channel: Channel
    outcome: Outcome
    reason: Reason
    until: datetime | None
    sentence: str

    @property
    def place(self) -> str:
        """The channel in words."""
        return PLACES[self.channel]

    @property
    def words(self) -> str:
        """The outcome in words."""
        return _OUTCOMES[self.outcome]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What an event would mean for one person: a sentence for all of it, and what each channel would do.

    `caveat` says what keeps any event from anybody right now; empty, nothing does.
    """

    user_id: UUID
    name: str
    sentence: str
    caveat: str
    channels: Sequence[ChannelProspect]


def explain(
    type_: NotificationType, user_id: UUID, *, actor_id: UUID | None = None, age: timedelta = timedelta()
) -> Prospect:
    """Say what an event of this type that happened `age` ago would mean for this person, if it came in now."""
    now = timezone.now()
    recipient = recipients.load({user_id}).get(user_id)
    decisions = decide(type_, recipient, actor_id=actor_id, occurred_at=now - age, now=now)
    person = people.load({user_id}).get(user_id)
    story = _Story(type_, recipient.choices if recipient else DEFAULTS, age)
    name = (person.name.strip() if person else "") or user_ids.show(user_id)
    return Prospect(
        user_id=user_id,
        name=name,
        sentence=f"{name} would {story.of_all(decisions)}.",
        caveat=_HELD_BACK if rollout.current().is_killed else "",
        channels=[story.of_channel(channel, decisions[channel]) for channel in Channel],
    )


def with_defaults(type_: NotificationType, defaults: Mapping[Channel, bool]) -> NotificationType:
    """Return the type as it would be with these defaults; a channel that is not named keeps its own."""
    on = {channel for channel, is_on in defaults.items() if is_on}
    return replace(type_, channels=(type_.channels - defaults.keys()) | on)


@dataclass(frozen=True, slots=True)
class _Story:
    """Puts the decisions for one person into words."""

    type: NotificationType
    choices: Choices
    age: timedelta

    def of_all(self, decisions: Decisions) -> str:
        """Return "get a mail at once, and get no push, since …"."""
        reasons = {decisions[channel].reason for channel in Channel}
        if len(reasons) == 1 and reasons <= OF_THE_PERSON:
            return f"get nothing, since {WORDS[reasons.pop()].if_it_happened}"
        *first, last = (self._clause(channel, decisions[channel]) for channel in Channel)
        return f"{', '.join(first)}, and {last}"

    def of_channel(self, channel: Channel, decision: Decision) -> ChannelProspect:
        """Return one channel's outcome with its sentence."""
        why = self._why(channel, decision.reason)
        if decision.until:
            why += f"; the next one goes out at {self._clock.tell(decision.until)}"
        return ChannelProspect(
            channel, decision.outcome, decision.reason, decision.until, f"{why[0].upper()}{why[1:]}."
        )

    def _clause(self, channel: Channel, decision: Decision) -> str:
        if decision.until:
            return f"get it by mail in the {DIGESTS[decision.reason]} digest of {self._clock.tell(decision.until)}"
        if decision.outcome is Outcome.SEND:
            return _GETS[channel]
        return f"{_GETS_NONE[channel]}, since {self._why(channel, decision.reason)}"

    def _why(self, channel: Channel, reason: Reason) -> str:
        is_on = self.choices.wants(self.type, channel)
        return WORDS[reason].if_it_happened.format(
            label=self.type.label,
            place=PLACES[channel],
            whose=WHOSE[whose_will(self.type, channel, choices=self.choices, was_on=is_on)],
            age=in_words(self.age),
            limit=in_words(self.type.max_age.get(channel, timedelta())),
        )

    @property
    def _clock(self) -> Clock:
        return Clock(self.choices.zone)

"""What a forecast says, in sentences and as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from notifications.explaining.forecasts import Counts
from notifications.models import Forecast
from notifications.tracing.reason_words import PLACES, WORDS
from preferences.catalog import Channel, label_of
from preferences.decisions import Outcome, Reason

_WHAT: Final[Mapping[Channel, str]] = {**PLACES, Channel.IN_APP: "a row in the bell"}
#: Why somebody who wants it gets none.
_CANNOT: Final = (Reason.NO_EMAIL_ADDRESS, Reason.ADDRESS_SUPPRESSED, Reason.NO_PUSH_TOKEN)


@dataclass(frozen=True, slots=True)
class Row:
    """How many people have this outcome on this channel, as it is and under the defaults to try."""

    channel: Channel
    reason: Reason
    now: int
    then: int

    @property
    def place(self) -> str:
        """The channel in words."""
        return PLACES[self.channel]

    @property
    def words(self) -> str:
        """The outcome in a few words."""
        return WORDS[self.reason].in_short

    @property
    def outcome(self) -> Outcome:
        """What becomes of the event for them."""
        return self.reason.outcome

    @property
    def difference(self) -> int:
        """How many more they would be."""
        return self.then - self.now


def rows(forecast: Forecast) -> list[Row]:
    """Return what was counted, by channel; what goes out before what does not."""
    return [
        row
        for channel in Channel
        for reason in sorted(Reason, key=lambda reason: list(Outcome).index(reason.outcome))
        for row in [Row(channel, reason, _of(forecast.now, channel, reason), _of(forecast.then, channel, reason))]
        if row.now or row.then
    ]


def sentences(forecast: Forecast) -> list[str]:
    """Say what the defaults to try would change, a sentence a channel; without any, how it is."""
    label, found = label_of(forecast.type), rows(forecast)
    if not forecast.defaults:
        return [_as_it_is(channel, label, found, forecast.users) for channel in Channel]
    return [
        _change(channel, label, found, is_on=forecast.defaults[channel])
        for channel in Channel
        if channel in forecast.defaults
    ]


def question(forecast: Forecast) -> str:
    """Say what was asked: "Comment added, with mail on by default"."""
    label = label_of(forecast.type)
    tried = [f"{PLACES[Channel(name)]} {'on' if is_on else 'off'}" for name, is_on in forecast.defaults.items()]
    return f"{label}, with {' and '.join(tried)} by default" if tried else f"{label}, as it is"


def _of(counts: Counts, channel: Channel, reason: Reason) -> int:
    return counts.get(channel, {}).get(reason, 0)


def _as_it_is(channel: Channel, label: str, found: Sequence[Row], users: int) -> str:
    reached = {row.reason: row.then for row in found if row.channel is channel and row.outcome is not Outcome.SUPPRESS}
    return f"“{label}” brings {_WHAT[channel]} to {sum(reached.values()):,} of {users:,} people{_split(reached)}."


def _change(channel: Channel, label: str, found: Sequence[Row], *, is_on: bool) -> str:
    sign = 1 if is_on else -1
    moved = {row.reason: sign * row.difference for row in found if row.channel is channel and row.difference}
    reached = {reason: count for reason, count in moved.items() if reason.outcome is not Outcome.SUPPRESS}
    turning = f"Turning {PLACES[channel]} {'on' if is_on else 'off'} by default for “{label}”"
    if not moved:
        return f"{turning} changes nothing for anybody."
    effect = f"adds {_WHAT[channel]} for" if is_on else f"takes {_WHAT[channel]} from"
    return f"{turning} {effect} {_people(sum(reached.values()))}{_split(reached)}{_left_out(moved, is_on=is_on)}."


def _split(reached: Mapping[Reason, int]) -> str:
    """Tell mail at once from mail in digests, where there is any of the latter."""
    at_once = reached.get(Reason.PREFERENCE_ON, 0)
    in_digests = sum(reached.values()) - at_once
    return f": {at_once:,} at once and {in_digests:,} in digests" if in_digests else ""


def _left_out(moved: Mapping[Reason, int], *, is_on: bool) -> str:
    counts = {WORDS[reason].in_short: moved[reason] for reason in _CANNOT if moved.get(reason)}
    if not counts:
        return ""
    what = "cannot get it" if is_on else "could not get it before"
    return f"; {sum(counts.values()):,} {what} ({', '.join(_reasons(counts))})"


def _reasons(counts: Mapping[str, int]) -> Iterator[str]:
    """Give each reason its number, unless there is but one."""
    for words, count in counts.items():
        yield words if len(counts) == 1 else f"{words}: {count:,}"


def _people(count: int) -> str:
    return {0: "nobody", 1: "1 person"}.get(count, f"{count:,} people")

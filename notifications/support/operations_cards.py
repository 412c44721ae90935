"""What a snapshot of the system means, in words: one card a part, each figure beside how it is to be taken. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from delivery.lanes import Lane
from delivery.models import State
from notifications.event_queue import Depth
from notifications.lag import Lag
from notifications.support.backlog import LONGEST, ByHttp, Waiting
from notifications.support.cards import CANNOT_BE_ASKED, Card, Fact, Look, count, count_of_part, moment, noun
from notifications.support.operations import Controls, Snapshot
from notifications.tracing.clock import in_words

#: The sweeper calls again for what nobody fetched within a minute (delivery/sweeper.py); later is late.
_LATE: Final = timedelta(minutes=2)
#: Sends a second below which a channel counts as standing still.
_SLOWEST: Final = 0.1


def cards(snapshot: Snapshot) -> Iterator[Card]:
    """Return the parts in the order of the flow."""
    is_killed = snapshot.controls.killed_since is not None
    yield _controls(snapshot.controls)
    yield _events(snapshot.events, snapshot.taken_at, is_killed=is_killed)
    yield _by_http(snapshot.by_http, snapshot.taken_at)
    yield _dead_letters(snapshot.dead_letters)
    for state, title in _STATES.items():
        yield _state(title, snapshot.waiting_in(state), snapshot)
    yield Card("Lanes to the providers", facts=_lanes(snapshot.lanes))
    yield Card("Queues of the workers", facts=[_queue(name, depth) for name, depth in snapshot.workers.items()])


# --- Switch and flag -----------------------------------------------------------------------------------------


def _controls(controls: Controls) -> Card:
    return Card("Switch and flag", facts=[_switch(controls), Fact("Rollout", _reach(controls))])


def _switch(controls: Controls) -> Fact:
    since, until = controls.killed_since, controls.first_expiry
    if since is None or until is None:
        return Fact("Kill switch", "off", Look.OK, "Events come in and go out.")
    note = (
        f"Since {moment(since)}. Nothing comes in or goes out, and nothing is lost: "
        f"the queue keeps what came since then until {moment(until)}."
    )
    return Fact("Kill switch", "on", Look.BAD, note)


def _reach(controls: Controls) -> str:
    if controls.everyone is not None:
        return "on for everyone" if controls.everyone else "off for everyone"
    return f"on for {controls.percent:g} % and the people named in the flag"


# --- Events --------------------------------------------------------------------------------------------------


def _events(lag: Lag | None, now: datetime, *, is_killed: bool) -> Card:
    if lag is None:
        return Card("Events that wait", CANNOT_BE_ASKED, note="SQS does not answer.")
    facts = [
        Fact("In the intake's hands", f"{lag.in_flight:,}"),
        Fact("Accepted of late", f"{lag.per_second:,.1f} a second"),
        _delay(lag, now, is_killed=is_killed),
    ]
    return Card("Events that wait", f"{lag.waiting:,}", facts)


def _delay(lag: Lag, now: datetime, *, is_killed: bool) -> Fact:
    """Say when the backlog will be gone, if nothing more came and the rate stayed."""
    if not lag.waiting:
        return Fact("Backlog", "none", Look.OK)
    if is_killed:
        return Fact("Backlog", "held by the switch", Look.BAD)
    if lag.behind is None:
        return Fact("Backlog", "nothing moves", Look.BAD)
    look = Look.WARN if lag.is_late else Look.OK
    return Fact(
        "Backlog", f"gone in {in_words(lag.behind)}", look, f"At the rate of late, at {moment(now + lag.behind)}."
    )


def _by_http(waiting: ByHttp, now: datetime) -> Card:
    title = "Events past SQS that wait"
    if waiting.first is None:
        return Card(title, "0", note="Producers use POST /api/v1/events when SQS is away.")
    age = now - waiting.first
    look = Look.WARN if age > _LATE else Look.OK
    return Card(title, count(waiting.count), [Fact("The oldest", f"accepted {in_words(age)} ago", look)])


def _dead_letters(depth: Depth | None) -> Card:
    if depth is None:
        return Card("Dead letters", CANNOT_BE_ASKED, note="SQS does not answer.")
    note = "An intake crashed over each of these five times. Back: manage.py redrive_dead_letters"
    return Card("Dead letters", f"{depth.waiting:,}", note=note if depth.waiting else "No event was given up.")


# --- Deliveries ----------------------------------------------------------------------------------------------

_STATES: Final[Mapping[State, str]] = {
    State.PENDING: "Deliveries to be sent",
    State.HELD: "Held for a digest",
    State.SENDING: "Being sent",
}


def _state(title: str, waiting: Sequence[Waiting], snapshot: Snapshot) -> Card:
    total = sum(each.count for each in waiting)
    return Card(title, count(total), [_channel(each, snapshot, total=total) for each in waiting])


def _channel(waiting: Waiting, snapshot: Snapshot, *, total: int) -> Fact:
    """Say how many of all there are on one channel, and when those that are known of will be gone."""
    note, look = _age(waiting.state, waiting.first - snapshot.taken_at)
    if waiting.state is State.PENDING:
        rate = snapshot.sends_per_second.get(waiting.channel, 0)
        if held_up := _held_up(waiting.channel, snapshot):
            note, look = f"{note}; {held_up}", Look.WARN
        elif waiting.first <= snapshot.taken_at and rate >= _SLOWEST:
            gone = in_words(timedelta(seconds=min(waiting.count, LONGEST) / rate))
            note += f"; at {rate:,.1f} a second {'these are ' if total > LONGEST else ''}gone in {gone}"
    return Fact(noun(waiting.channel), count_of_part(waiting.count, total=total), look, note)


def _held_up(channel: str, snapshot: Snapshot) -> str:
    """Say what keeps the channel from sending, all of it or some of its lanes; "": nothing that we know of."""
    if snapshot.controls.killed_since is not None:
        return "held by the switch"
    lanes = [lane for lane in snapshot.lanes or () if lane.name.partition(":")[0] == channel]
    closed = [lane for lane in lanes if lane.closed_by]
    if not closed:
        return ""
    which = "" if len(closed) == len(lanes) else f" of {', '.join(noun(lane.name) for lane in closed)}"
    return f"waits for the provider{which}"


def _age(state: State, away: timedelta) -> tuple[str, Look]:
    """Say how far away the first of them is, before now or after it, and whether that is as it should be."""
    span = in_words(abs(away))
    is_late = -away > _LATE
    match state, away > timedelta():
        case State.PENDING, True:
            return f"the first is due in {span}", Look.OK
        case State.PENDING, False:
            return f"the oldest has been due for {span}", Look.WARN if is_late else Look.OK
        case State.HELD, True:
            return f"the next digest in {span}", Look.OK
        case State.HELD, False:
            return f"the oldest digest has been due for {span}", Look.WARN if is_late else Look.OK
        case _, True:
            return f"the first worker is given up in {span}", Look.OK
        case _:
            return f"a worker is silent; its lease ended {span} ago", Look.WARN


# --- Lanes and queues ----------------------------------------------------------------------------------------


def _lanes(lanes: Sequence[Lane] | None) -> Sequence[Fact]:
    if lanes is None:
        return [Fact("All", CANNOT_BE_ASKED, Look.WARN, "Redis does not answer. Each worker finds out for itself.")]
    return [_lane(lane) for lane in lanes]


def _lane(lane: Lane) -> Fact:
    name = noun(lane.name)
    if lane.closed_by:
        why = "The provider wants fewer of us" if lane.closed_by == "throttled" else "The provider is away"
        return Fact(name, "closed", Look.BAD, f"{why}; tried again in {in_words(lane.closed_for)}.")
    if lane.slowed_to is not None:
        return Fact(name, "slowed", Look.WARN, f"To {lane.slowed_to:,.1f} a second, doubled every half minute.")
    return Fact(name, "open", Look.OK)


def _queue(name: str, depth: Depth | None) -> Fact:
    if depth is None:
        return Fact(name, CANNOT_BE_ASKED, Look.WARN)
    return Fact(name, f"{depth.waiting:,} waiting, {depth.in_flight:,} in hand")

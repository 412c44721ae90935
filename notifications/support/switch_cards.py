"""What a report about the kill switch means, in words. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from delivery.models import State
from notifications.event_queue import Depth
from notifications.support import switch_report
from notifications.support.backlog import LONGEST
from notifications.support.cards import CANNOT_BE_ASKED, Card, Fact, Look, count, count_of_part, moment, noun
from notifications.support.switch_report import Ages, Report
from notifications.tracing.clock import in_words
from preferences.catalog import CATALOG, DEFAULT_MAX_AGE, Channel
from preferences.release import Ramp

_HOUR: Final = timedelta(hours=1)
#: SQS drops what is older than its retention: so long before that, somebody should know.
_EXPIRES_SOON: Final = timedelta(days=2)
_AT_ONCE: Final = timedelta(seconds=1)
_STATES: Final = {State.PENDING: "to be sent", State.SENDING: "being sent", State.HELD: "held for digests"}


def cards(report: Report) -> Iterator[Card]:
    """Return what matters before the next turn of the switch."""
    if report.is_on:
        yield _held(report)
        yield _deliveries(report, "Mail and push that wait")
        yield _left_out(report)
        yield _beginning(report)
    else:
        yield _to_be_held(report)
        yield _deliveries(report, "Mail and push that would wait")
        yield _bells(report)


# --- Events --------------------------------------------------------------------------------------------------


def _to_be_held(report: Report) -> Card:
    facts = [_coming_in(report), *_queues(report), _expiry(report)]
    note = "Producers notice nothing: SQS and POST /api/v1/events take every event."
    return Card("Held in an hour", _in(report, _HOUR), facts, note)


def _held(report: Report) -> Card:
    facts = [
        Fact("Held for", in_words(report.held_for), note=f"since {moment(report.turned_at)}"),
        _coming_in(report),
        *_queues(report),
        _expiry(report),
    ]
    note = "Counted in messages: one that its producer packed holds several events."
    return Card("Events held now", CANNOT_BE_ASKED if report.messages is None else f"{report.messages:,}", facts, note)


def _coming_in(report: Report) -> Fact:
    if (per_second := report.arriving_per_second) is None:
        return Fact("Coming in", "cannot be told yet")
    note = f"in an hour {_in(report, _HOUR)} more" if report.is_on else ""
    return Fact("Coming in", f"about {per_second:,.1f} a second", note=note)


def _in(report: Report, duration: timedelta) -> str:
    """Return how many events come in, at the rate of late."""
    rate = report.arriving_per_second
    return CANNOT_BE_ASKED if rate is None else f"about {rate * duration.total_seconds():,.0f}"


def _queues(report: Report) -> Iterator[Fact]:
    if report.queue is None:
        yield Fact("In SQS", CANNOT_BE_ASKED, Look.WARN)
    else:
        in_hand = f"{report.queue.in_flight:,} of them in an intake's hands" if report.queue.in_flight else ""
        yield Fact("In SQS", f"{report.queue.waiting + report.queue.in_flight:,}", note=in_hand)
    yield Fact("Past SQS", count(report.by_http.count), note="these never expire" if report.by_http.count else "")


def _expiry(report: Report) -> Fact:
    name = "SQS drops the first" if report.is_on else "SQS would drop the first"
    if report.is_on and report.queue == Depth(0, 0):
        return Fact(name, "none is there", Look.OK)
    if report.retention is None or report.first_expiry is None:
        return Fact(name, CANNOT_BE_ASKED, Look.WARN)
    left = report.first_expiry - report.taken_at
    look = Look.WARN if left < _EXPIRES_SOON else Look.OK
    note = f"at {moment(report.first_expiry)}: {in_words(report.retention)} after it was sent"
    return Fact(name, f"in {in_words(left)}", look, note)


# --- Deliveries and bells ------------------------------------------------------------------------------------


def _deliveries(report: Report, title: str) -> Card:
    facts = [
        Fact(f"{noun(each.channel)} {words}", count_of_part(each.count, total=_total(report, state)))
        for state, words in _STATES.items()
        for each in report.waiting
        if each.state == state
    ]
    note = "Digests that come due meanwhile go out after the release, as one mail a person."
    return Card(title, count(_total(report, State.PENDING)), facts, note)


def _total(report: Report, state: State) -> int:
    return sum(each.count for each in report.waiting if each.state == state)


def _bells(report: Report) -> Card:
    figure = CANNOT_BE_ASKED if report.open_bells is None else f"{report.open_bells:,}"
    note = "They hide within seconds, and show again within seconds of the release. The list of the REST API stays."
    return Card("Bells open now", figure, note=note)


# --- The release ---------------------------------------------------------------------------------------------


def _left_out(report: Report) -> Card:
    """Say what the stale rule takes: what waits already, and what the events in the queue would have become."""
    total = sum(each.count for each in report.ages)
    facts = [_stale(each, report.taken_at) for each in report.ages if each.stale or each.next_stale_at]
    if report.messages != 0:
        facts += [_share(report, channel) for channel in DEFAULT_MAX_AGE]
    note = "Too old to interrupt anybody: in the inbox all the same, with the reason “stale”. Digests have no age."
    stale = sum(each.stale for each in report.ages)
    figure = f"at least {stale:,}" if total >= LONGEST else f"{stale:,}"
    return Card("Too old to be sent, if released now", figure, facts, note)


def _stale(ages: Ages, now: datetime) -> Fact:
    type_ = CATALOG.get(ages.type)
    name = f"{noun(ages.channel)}, {type_.label.lower() if type_ else ages.type}"
    note = f"the next in {in_words(ages.next_stale_at - now)}" if ages.next_stale_at else "no more of them"
    return Fact(name, f"{ages.stale:,} of {ages.count:,}", Look.WARN if ages.stale else Look.OK, note)


def _share(report: Report, channel: Channel) -> Fact:
    """Say how many of the events that wait are beyond the channel's age, if they came in evenly."""
    age = DEFAULT_MAX_AGE[channel]
    name = f"{noun(channel)} of the events held"
    if report.held_for <= age:
        return Fact(name, "none left out", Look.OK, f"the first in {in_words(age - report.held_for)}")
    share = 1 - age / report.held_for
    return Fact(name, f"about {share:.0%} left out", Look.WARN, f"those of more than {in_words(age)} ago")


def _beginning(report: Report) -> Card:
    note = "with one intake; several share it. Live events come between."
    facts = [Fact("What waits has come in", _when_in(report.intake_time), note=note)]
    events = switch_report.events_ramp()
    if not events.length:
        return Card("How it begins again", "at full speed", facts)
    facts += [
        Fact("Events", _ramp(events), note="for each intake"),
        Fact("Mail, and push", _ramp(switch_report.deliveries_ramp()), note="for all workers together"),
    ]
    note = f"So a mistake that is still there shows early. Nothing is held back {in_words(events.length)} later."
    return Card("How it begins again", "slowly", facts, note)


def _when_in(duration: timedelta | None) -> str:
    if duration is None:
        return CANNOT_BE_ASKED
    return "at once" if duration < _AT_ONCE else f"in about {in_words(duration)}"


def _ramp(ramp: Ramp) -> str:
    return f"{ramp.start:g} a second, doubled every {in_words(ramp.doubling)}"

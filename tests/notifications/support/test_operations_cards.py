from datetime import UTC, datetime, timedelta

import pytest

from delivery.lanes import Lane
from delivery.models import State
from notifications.event_queue import Depth
from notifications.lag import Lag
from notifications.support import operations_cards
from notifications.support.backlog import LONGEST, ByHttp, Waiting
from notifications.support.cards import Card, Look
from notifications.support.operations import Controls, Snapshot

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def card(title: str, **found) -> Card:
    """The part of a snapshot of which only this was found."""
    nothing = {
        "taken_at": NOW,
        "controls": Controls(killed_since=None, everyone=True, percent=0),
        "events": None,
        "dead_letters": None,
        "workers": {},
        "lanes": None,
        "sends_per_second": {},
        "by_http": ByHttp(0, None),
        "waiting": [],
        "failures": [],
        "rejected": [],
        "backfills": [],
        "forecasts": [],
    }
    (found_card,) = (part for part in operations_cards.cards(Snapshot(**{**nothing, **found})) if part.title == title)
    return found_card


def killed(**changes) -> Controls:
    return Controls(**{"killed_since": NOW, "everyone": None, "percent": 5.0, **changes})


def test_a_backlog_that_moves_has_an_hour_at_which_it_is_gone():
    backlog = card("Events that wait", events=Lag(waiting=6_000, in_flight=10, per_second=50)).facts[-1]
    assert (backlog.words, backlog.look) == ("gone in 2 minutes", Look.WARN)
    assert "04 Mar 2026, 14:32 UTC" in backlog.note


def test_a_backlog_that_is_gone_within_seconds_is_as_it_should_be():
    backlog = card("Events that wait", events=Lag(waiting=10, in_flight=0, per_second=50)).facts[-1]
    assert (backlog.words, backlog.look) == ("gone in 0.2 seconds", Look.OK)


@pytest.mark.parametrize(
    ("controls", "words"),
    [(Controls(killed_since=None, everyone=True, percent=0), "nothing moves"), (killed(), "held by the switch")],
)
def test_a_backlog_that_does_not_move_has_no_such_hour(controls: Controls, words: str):
    backlog = card("Events that wait", events=Lag(waiting=1, in_flight=0, per_second=0), controls=controls).facts[-1]
    assert (backlog.words, backlog.look) == (words, Look.BAD)


def test_a_backlog_that_moved_until_the_switch_was_thrown_is_held():
    moving = Lag(waiting=6_000, in_flight=0, per_second=50)
    backlog = card("Events that wait", events=moving, controls=killed()).facts[-1]
    assert (backlog.words, backlog.look) == ("held by the switch", Look.BAD)


@pytest.mark.parametrize(("age", "look"), [(MINUTE, Look.OK), (3 * MINUTE, Look.WARN)])
def test_events_past_sqs_tell_how_long_they_wait(age: timedelta, look: Look):
    by_http = card("Events past SQS that wait", by_http=ByHttp(7, NOW - age))
    assert (by_http.figure, by_http.facts[0].look) == ("7", look)
    assert card("Events past SQS that wait").figure == "0"


def test_an_empty_queue_has_no_backlog_even_when_nothing_came_of_late():
    backlog = card("Events that wait", events=Lag(waiting=0, in_flight=0, per_second=0)).facts[-1]
    assert (backlog.words, backlog.look) == ("none", Look.OK)


@pytest.mark.parametrize("title", ["Events that wait", "Dead letters"])
def test_a_queue_that_does_not_answer_is_not_said_to_be_empty(title: str):
    assert card(title).figure == "cannot be asked"


def test_dead_letters_come_with_the_way_back():
    assert "redrive_dead_letters" in card("Dead letters", dead_letters=Depth(3, 0)).note
    assert "redrive_dead_letters" not in card("Dead letters", dead_letters=Depth(0, 0)).note


def test_the_switch_tells_until_when_nothing_is_lost():
    switch, reach = card("Switch and flag", controls=killed()).facts
    assert (switch.words, switch.look) == ("on", Look.BAD)
    assert "until 18 Mar 2026, 14:30 UTC" in switch.note
    assert reach.words == "on for 5 % and the people named in the flag"


@pytest.mark.parametrize(("everyone", "words"), [(True, "on for everyone"), (False, "off for everyone")])
def test_a_flag_for_all_or_nobody_tells_no_percentage(everyone: bool, words: str):
    assert card("Switch and flag", controls=killed(everyone=everyone)).facts[1].words == words


@pytest.mark.parametrize(
    ("state", "away", "note", "look"),
    [
        (State.PENDING, 3 * MINUTE, "the first is due in 3 minutes", Look.OK),
        (State.PENDING, -MINUTE, "the oldest has been due for 60 seconds", Look.OK),
        (State.PENDING, -3 * MINUTE, "the oldest has been due for 3 minutes", Look.WARN),
        (State.HELD, 3 * MINUTE, "the next digest in 3 minutes", Look.OK),
        (State.HELD, -3 * MINUTE, "the oldest digest has been due for 3 minutes", Look.WARN),
        (State.SENDING, 3 * MINUTE, "the first worker is given up in 3 minutes", Look.OK),
        (State.SENDING, -3 * MINUTE, "a worker is silent; its lease ended 3 minutes ago", Look.WARN),
    ],
)
def test_the_first_of_what_waits_tells_whether_it_is_late(state: State, away: timedelta, note: str, look: Look):
    titles = {State.PENDING: "Deliveries to be sent", State.HELD: "Held for a digest", State.SENDING: "Being sent"}
    (fact,) = card(titles[state], waiting=[Waiting(state, "email", 7, NOW + away)]).facts
    assert (fact.name, fact.words, fact.note, fact.look) == ("Mail", "7", note, look)


@pytest.mark.parametrize(
    ("count", "due", "rate", "ends"),
    [
        (6_000, -MINUTE, 50.0, "; at 50.0 a second gone in 2 minutes"),
        (LONGEST + 1, -MINUTE, 50.0, "; at 50.0 a second these are gone in 3 minutes"),
        (6_000, -MINUTE, 0.0, "due for 60 seconds"),
        (6_000, MINUTE, 50.0, "due in 60 seconds"),  # nothing is to go out yet
    ],
)
def test_mails_that_are_due_tell_when_they_will_be_gone(count: int, due: timedelta, rate: float, ends: str):
    waiting = [Waiting(State.PENDING, "email", count, NOW + due)]
    (fact,) = card("Deliveries to be sent", waiting=waiting, sends_per_second={"email": rate}).facts
    assert fact.note.endswith(ends)


def test_what_the_switch_holds_is_not_said_to_go_out():
    waiting, rates = [Waiting(State.PENDING, "email", 6_000, NOW - MINUTE)], {"email": 50.0}
    (fact,) = card("Deliveries to be sent", waiting=waiting, sends_per_second=rates, controls=killed()).facts
    assert (fact.note, fact.look) == ("the oldest has been due for 60 seconds; held by the switch", Look.WARN)


@pytest.mark.parametrize("away", [-MINUTE, MINUTE])  # what was tried is due again with the next probe
@pytest.mark.parametrize(
    ("closed", "ends"),
    [
        (["email"], "; waits for the provider"),
        (["push:ios", "push:android"], "; waits for the provider"),
        (["push:ios"], "; waits for the provider of Push, iOS"),
    ],
)
def test_behind_a_closed_lane_nothing_is_said_to_go_out(closed: list[str], ends: str, away: timedelta):
    names, channel = ("email", "push:ios", "push:android"), closed[0].partition(":")[0]
    lanes = [Lane(name, "outage" if name in closed else "", MINUTE, None) for name in names]
    waiting, rates = [Waiting(State.PENDING, channel, 122, NOW + away)], {"email": 0.7, "push": 0.7}
    (fact,) = card("Deliveries to be sent", waiting=waiting, sends_per_second=rates, lanes=lanes).facts
    assert fact.note.endswith(ends)
    assert fact.look is Look.WARN


def test_the_lane_of_another_channel_holds_nothing_up():
    waiting, lanes = [Waiting(State.PENDING, "email", 60, NOW)], [Lane("push:ios", "outage", MINUTE, None)]
    (fact,) = card("Deliveries to be sent", waiting=waiting, sends_per_second={"email": 1.0}, lanes=lanes).facts
    assert fact.note.endswith("gone in 60 seconds")


def test_of_a_list_that_is_cut_short_no_number_is_said_to_be_all():
    waiting = [Waiting(State.HELD, "email", LONGEST - 1, NOW), Waiting(State.HELD, "push", 2, NOW)]
    held = card("Held for a digest", waiting=waiting)
    assert held.figure == "more than 10,000"
    assert [fact.words for fact in held.facts] == ["at least 9,999", "at least 2"]


def test_a_list_of_just_the_longest_is_counted_to_its_end():
    held = card("Held for a digest", waiting=[Waiting(State.HELD, "email", LONGEST, NOW)])
    assert (held.figure, held.facts[0].words) == ("10,000", "10,000")


@pytest.mark.parametrize(
    ("lane", "words", "look", "note"),
    [
        (Lane("email", "", timedelta(), None), "open", Look.OK, ""),
        (Lane("email", "outage", 9 * MINUTE, None), "closed", Look.BAD, "The provider is away; tried again in 9 minutes."),
        (Lane("email", "throttled", MINUTE, 3.0), "closed", Look.BAD, "The provider wants fewer of us; tried again in 60 seconds."),
        (Lane("email", "", timedelta(), 12.5), "slowed", Look.WARN, "To 12.5 a second, doubled every half minute."),
    ],
)  # fmt: skip
def test_a_lane_tells_how_it_is_and_why(lane: Lane, words: str, look: Look, note: str):
    (fact,) = card("Lanes to the providers", lanes=[lane]).facts
    assert (fact.words, fact.look, fact.note) == (words, look, note)

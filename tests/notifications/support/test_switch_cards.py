from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from delivery.models import State
from notifications.event_queue import Depth
from notifications.support import switch_cards
from notifications.support.backlog import LONGEST, ByHttp, Waiting
from notifications.support.cards import Card, Fact, Look
from notifications.support.switch_report import Ages, Report
from preferences.catalog import Channel

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def report(*, held_for: timedelta | None = None, **found) -> Report:
    """A report in which only this was found; `held_for` is None while the switch is off."""
    nothing = {
        "taken_at": NOW,
        "is_on": held_for is not None,
        "turned_at": NOW - (held_for or DAY),
        "queue": Depth(0, 0),
        "retention": 14 * DAY,
        "by_http": ByHttp(0, None),
        "accepted_per_second": 0.0,
        "waiting": [],
        "ages": [],
        "open_bells": 0,
        "turns": [],
    }
    return Report(**{**nothing, **found})


def card(title: str, **found) -> Card:
    (found_card,) = (part for part in switch_cards.cards(report(**found)) if part.title == title)
    return found_card


def fact(title: str, name: str, **found) -> Fact:
    (found_fact,) = (part for part in card(title, **found).facts if part.name == name)
    return found_fact


def test_before_a_turn_an_hour_is_foretold_from_the_rate_of_late():
    assert card("Held in an hour", accepted_per_second=2.5).figure == "about 9,000"


def test_while_it_holds_an_hour_is_foretold_from_what_piled_up():
    held = {"held_for": 10 * MINUTE, "queue": Depth(1_190, 10)}
    assert card("Events held now", **held).figure == "1,200"
    assert fact("Events held now", "Coming in", **held).words == "about 2.0 a second"
    assert "about 7,200 more" in fact("Events held now", "Coming in", **held).note


def test_nothing_is_foretold_from_what_was_there_before_the_switch():
    held = {"held_for": MINUTE / 60, "queue": Depth(5, 0)}
    coming = fact("Events held now", "Coming in", **held)
    assert (coming.words, coming.note) == ("cannot be told yet", "")


@pytest.mark.parametrize(("days", "words", "look"), [(1, "in 13 days", Look.OK), (13, "in 24 hours", Look.WARN)])
def test_when_sqs_drops_the_first_is_told_and_becomes_a_warning(days: int, words: str, look: Look):
    first = fact("Events held now", "SQS drops the first", held_for=days * DAY, queue=Depth(1, 0))
    assert (first.words, first.look) == (words, look)


def test_an_empty_queue_drops_nothing():
    assert fact("Events held now", "SQS drops the first", held_for=13 * DAY).words == "none is there"


def test_what_cannot_be_asked_is_said_so():
    away = {"queue": None, "retention": None, "open_bells": None}
    assert fact("Held in an hour", "In SQS", **away).look is Look.WARN
    assert fact("Held in an hour", "SQS would drop the first", **away).words == "cannot be asked"
    assert card("Bells open now", **away).figure == "cannot be asked"
    assert card("Events held now", held_for=MINUTE, **away).figure == "cannot be asked"


def test_a_list_that_was_not_counted_to_its_end_is_at_least_so_long():
    waiting = [Waiting(State.PENDING, "email", LONGEST + 1, NOW)]
    assert card("Mail and push that would wait", waiting=waiting).figure == "more than 10,000"
    assert fact("Mail and push that would wait", "Mail to be sent", waiting=waiting).words == "at least 10,000"


def test_what_a_release_leaves_out_is_told_by_type_with_the_next():
    ages = [Ages(Channel.PUSH, "mentioned", 10, 4, NOW + MINUTE), Ages(Channel.EMAIL, "digest", 7, 0, None)]
    left_out = card("Too old to be sent, if released now", held_for=MINUTE, ages=ages)
    assert (left_out.figure, len(left_out.facts)) == ("4", 1)
    assert left_out.facts[0] == Fact("Push, you were mentioned", "4 of 10", Look.WARN, "the next in 60 seconds")


@pytest.mark.parametrize(
    ("minutes", "words"), [(10, "none left out"), (20, "about 25% left out"), (60, "about 75% left out")]
)
def test_of_the_events_in_the_queue_a_share_is_told(minutes: int, words: str):
    title, held = "Too old to be sent, if released now", {"held_for": minutes * MINUTE, "queue": Depth(100, 0)}
    assert fact(title, "Push of the events held", **held).words == words


def test_the_ramp_is_told_with_how_long_it_takes(settings: Settings):
    settings.RELEASE_RAMP = MINUTE
    found = {"held_for": MINUTE, "queue": Depth(1_731, 0)}
    begins = card("How it begins again", **found)
    assert (begins.figure, begins.facts[0].words) == ("slowly", "in about 6.0 seconds")
    assert fact("How it begins again", "Mail, and push", **found).words == "10 a second, doubled every 6.0 seconds"


def test_without_a_ramp_there_is_none_to_tell(settings: Settings):
    settings.RELEASE_RAMP = timedelta()
    begins = card("How it begins again", held_for=MINUTE, queue=Depth(5, 0))
    assert (begins.figure, len(begins.facts), begins.facts[0].words) == ("at full speed", 1, "at once")

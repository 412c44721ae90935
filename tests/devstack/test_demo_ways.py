"""The strip of the demo's page: how far each event has come."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from delivery.models import Delivery, State
from devstack.demo import producing, ways
from devstack.demo.management.commands import seed_demo
from devstack.demo.people import AUDIENCE
from devstack.demo.services import service_named
from notifications import pipeline
from notifications.event_queue import EventQueue
from notifications.models import Notification, Path
from notifications.pipeline import Message
from notifications_producer import Event

ALICE, BOB, CHARLIE = AUDIENCE


@pytest.fixture(autouse=True)
def _demo(settings: Settings, db: None, queue: EventQueue) -> Iterator[None]:
    """The demo's people and addresses, and a page that has published nothing."""
    settings.ROOT_URLCONF = "tests.devstack.demo_urls"
    seed_demo.Command().handle()
    yield
    producing.forget()


def published(service: str = "tasks", *, to=ALICE) -> Event:
    """Press a button of the page."""
    found = service_named(service)
    assert found is not None
    [one] = producing.publish([found.next_event(to)], recipient=to.id)
    return one.event


def take_in(*events: Event) -> None:
    """Do what the intake does."""
    now = datetime.now(UTC)
    pipeline.process([Message(event.as_json(), sent_at=now) for event in events], path=Path.SQS)


def outcomes(way: dict) -> dict[str, str]:
    return {one["channel"]: one["end"] for one in way["outcomes"]}


def test_what_nobody_has_taken_in_yet_was_handed_over_and_no_more():
    event = published()
    [way] = ways.latest(ALICE.id)
    assert (way["id"], way["path"], way["title"]) == (event.id, "sqs", event.resource.title)
    assert set(way["times"]) == {"published", "handed_over"}
    assert way["outcomes"] == ()


def test_what_was_taken_in_has_a_time_for_each_stage_so_far():
    take_in(published())
    [way] = ways.latest(ALICE.id)
    assert set(way["times"]) == {"published", "handed_over", "received", "decided", "stored"}
    assert outcomes(way) == {"in_app": "arrived", "email": "waiting", "push": "waiting"}


def test_a_display_and_a_mail_that_was_sent_have_their_times():
    take_in(published())
    at = datetime.now(UTC)
    Notification.objects.update(displayed_at=at)
    Delivery.objects.filter(channel="email").update(state=State.SENT, sent_at=at)
    [way] = ways.latest(ALICE.id)
    assert way["times"]["displayed"] == at.isoformat()
    assert [one["sent_at"] for one in way["outcomes"] if one["channel"] == "email"] == [at.isoformat()]


def test_a_channel_that_was_left_out_says_why():
    take_in(published(to=CHARLIE))
    [way] = ways.latest(CHARLIE.id)
    [push] = [one for one in way["outcomes"] if one["channel"] == "push"]
    assert (push["end"], push["reason"]) == ("left_out", "no_push_token")
    assert push["words"].startswith("no push was sent, because")


def test_a_push_that_waits_for_one_phone_names_the_other():
    take_in(published())
    Delivery.objects.filter(channel="push").update(devices={"alice-android": "accepted"})
    [push] = [one for one in ways.latest(ALICE.id)[0]["outcomes"] if one["channel"] == "push"]
    assert push["end"] == "waiting"
    assert len(push["notes"]) == 1
    assert "“alice-android” was reached" in push["notes"][0]


def test_what_came_from_elsewhere_is_shown_too():
    event = service_named("docs").next_event(ALICE)
    take_in(event)
    assert [way["id"] for way in ways.latest(ALICE.id)] == [event.id]


def test_the_last_eight_are_shown_the_newest_above():
    events = [published() for _ in range(10)]
    take_in(*events[:5])
    assert [way["id"] for way in ways.latest(ALICE.id)] == [event.id for event in reversed(events[2:])]


def test_nobody_sees_the_ways_of_others():
    take_in(published())
    published()
    assert ways.latest(BOB.id) == []


def test_eight_ways_cost_no_more_queries_than_two(django_assert_max_num_queries):
    take_in(*(published() for _ in range(8)))
    with django_assert_max_num_queries(10):
        assert len(ways.latest(ALICE.id)) == 8


def test_times_are_after_the_event():
    take_in(published())
    times = [datetime.fromisoformat(time) for time in ways.latest(ALICE.id)[0]["times"].values()]
    assert max(times) - min(times) < timedelta(minutes=5)

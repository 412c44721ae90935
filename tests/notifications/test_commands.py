import json

import pytest
from django.core.management import CommandError, call_command

from notifications.event_queue import Depth, EventQueue

pytestmark = pytest.mark.django_db


def test_publish_event_sends_what_a_producer_would(queue, alice, bob):
    call_command(
        "publish_event",
        "task_assigned",
        "alice@example.com",
        str(bob.id),
        actor="bob@example.com",
        resource="task:tsk_456",
        url="/tasks/tsk_456",
        title="Update pricing page",
    )
    (received,) = queue.receive()
    event = json.loads(received.body)
    assert event["type"] == "task_assigned"
    assert event["data"]["recipients"] == [str(alice.id), str(bob.id)]
    assert event["data"]["actor"] == {"id": str(bob.id)}
    assert event["data"]["resource"]["title"] == "Update pricing page"


def test_publish_event_says_what_its_environment_lacks(queue, monkeypatch, alice):
    monkeypatch.setenv("EVENTS_FALLBACK_URL", "https://notifications.example.com/api/v1/events")
    monkeypatch.delenv("EVENTS_FALLBACK_TOKEN", raising=False)
    with pytest.raises(CommandError, match="EVENTS_FALLBACK_TOKEN"):
        call_command("publish_event", "mentioned", alice.email)


def test_publish_event_knows_no_address_that_nobody_has(queue):
    with pytest.raises(CommandError, match="Nobody has the address"):
        call_command("publish_event", "mentioned", "nobody@example.com")
    assert queue.depth() == Depth(0, 0)


@pytest.mark.parametrize("particular", [{"url": "/tasks/tsk_456"}, {"title": "Update pricing page"}])
def test_publish_event_drops_no_particular_of_a_resource_that_is_not_named(queue, alice, particular):
    with pytest.raises(CommandError, match="--url and --title need --resource"):
        call_command("publish_event", "mentioned", "alice@example.com", **particular)
    assert queue.depth() == Depth(0, 0)


def test_create_queues_may_be_repeated_and_brings_attributes_up_to_date(settings):
    settings.EVENTS_QUEUE_NAME, settings.EVENTS_QUEUE_URL = "events-created-twice", ""
    call_command("create_queues")
    call_command("create_queues")
    assert EventQueue().depth() == EventQueue().dead_letters().depth() == Depth(0, 0)

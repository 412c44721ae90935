import json
import os
import sys
import time
import uuid
from itertools import islice

import pytest

from benchmarks.publisher import Order, Way, carry_out, sender
from benchmarks.queues import Queue
from benchmarks.traffic import Traffic
from notifications.event_queue import EventQueue

TRAFFIC = Traffic("test", count=30, users=4)


@pytest.fixture
def queue():
    events = EventQueue(f"bench-{uuid.uuid4().hex}")
    events.create()
    return Queue(events.url, region=os.environ["AWS_DEFAULT_REGION"]), events


def nothing_waits():
    return 0


def test_an_order_survives_the_command_line():
    order = Order(TRAFFIC, Way.PACKED, rate=5.0, waiting=7, start_at=1.5)
    assert Order.from_json(order.as_json()) == order


def test_no_event_leaves_before_it_is_due():
    order = Order(TRAFFIC, Way.ONE_BY_ONE, rate=500.0, start_at=time.monotonic() + 0.02)
    left = []
    carry_out(order, lambda _: left.append(time.monotonic()), backlog=nothing_waits)
    assert len(left) == TRAFFIC.count
    assert all(moment >= order.due(number) for number, moment in enumerate(left))


def test_events_that_share_a_call_wait_for_the_last_of_them():
    order = Order(TRAFFIC, Way.IN_TENS, rate=500.0, start_at=time.monotonic())
    left = []
    carry_out(order, lambda events: left.append((len(events), time.monotonic())), backlog=nothing_waits)
    assert [count for count, _ in left] == [10, 10, 10]
    assert left[0][1] >= order.due(9)


def test_a_full_queue_gets_nothing_until_it_has_room():
    looks = iter([5, 5, 4])
    sent = []
    order = Order(Traffic("test", count=1, users=1), Way.ONE_BY_ONE, waiting=5)
    carry_out(order, sent.append, backlog=lambda: next(looks))
    assert len(sent) == 1
    assert list(looks) == []


def test_an_order_without_a_limit_does_not_look_at_the_queue():
    assert Order(TRAFFIC, Way.IN_TENS).waiting == sys.maxsize
    carry_out(Order(TRAFFIC, Way.IN_TENS), lambda _: None, backlog=lambda: pytest.fail("looked"))


@pytest.mark.parametrize(
    ("way", "messages"), [(Way.ONE_BY_ONE, 30), (Way.IN_TENS, 30), (Way.PACKED, 3), (Way.PACKED_IN_TENS, 3)]
)
def test_every_event_arrives_in_the_promised_number_of_messages(queue, way, messages):
    seen, events = queue
    addresses = {"EVENTS_QUEUE_URL": events.url}
    carry_out(Order(TRAFFIC, way), sender(way, {**os.environ, **addresses}, seen), backlog=nothing_waits)
    assert seen.waiting() == messages
    bodies = list(islice(received_bodies(events), messages))
    arrived = [event["id"] for body in bodies for event in (body if isinstance(body, list) else [body])]
    assert sorted(arrived) == [f"test-{number:06d}" for number in range(TRAFFIC.count)]


def received_bodies(events):
    while received := events.receive():
        yield from (json.loads(message.body) for message in received)

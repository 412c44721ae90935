import time
from itertools import pairwise
from uuid import UUID

from devstack.waiting import wait_until
from drills import traffic
from drills.publisher import Publisher
from notifications_producer import Event, PublishFailed


class Way:
    """Stands for both ways of a producer: takes events, or all but the first of each call while it is `broken`."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.taken: list[Event] = []

    def publish_many(self, events):
        events = list(events)
        left = events[:1] if self.broken else []
        self.taken += events[len(left) :]
        if left:
            raise PublishFailed(left, "broken")
        return len(events)


def make_event(number: int):
    return traffic.event(number, users=10)


def test_events_are_due_at_a_fixed_rate_and_all_are_published():
    way = Way()
    publisher = Publisher(way, make_event, rate=100, first=10)
    started = time.monotonic()
    publisher.start()
    assert wait_until(lambda: len(publisher.published) >= 50, seconds=10)
    assert publisher.stop() == 0
    assert time.monotonic() - started >= 0.49
    due = list(publisher.due.values())
    assert all(0.0099 < later - earlier < 0.0101 for earlier, later in pairwise(due))
    assert list(publisher.due) == [event.id for event in way.taken]
    assert publisher.published == set(publisher.due)


def test_what_was_not_handed_over_is_published_again_and_not_counted_before():
    way = Way(broken=True)
    publisher = Publisher(way, make_event, rate=1, first=0)
    publisher.publish(range(5))
    assert (len(publisher.published), publisher.failures) == (4, 1)
    way.broken = False
    publisher.publish(range(5, 6))
    assert len(publisher.published) == len({event.id for event in way.taken}) == 6


def test_what_is_published_out_of_turn_is_due_at_no_time():
    publisher = Publisher(Way(), make_event, rate=1, first=0)
    publisher.publish(range(3))
    assert publisher.due == {}
    assert list(publisher.recipients.values()) == [3, 1, 1]


def test_the_traffic_names_people_who_get_nothing_too():
    of_all = traffic.event(50, users=201)
    assert len(of_all.recipients) == 3
    assert of_all.actor in of_all.recipients
    assert UUID(int=0) in of_all.recipients
    assert len(traffic.event(51, users=201).recipients) == 1


def test_everybody_gets_every_type_at_the_usual_number_of_users():
    types = {traffic.event(number, users=201).type for number in range(7, 7 + 4 * 201, 201)}
    assert len(types) == 4

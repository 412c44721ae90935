import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import connection, transaction
from django.utils import timezone

from notifications import pipeline
from notifications.event_queue import Depth, Received
from notifications.intake import database_gate, intake
from notifications.intake.intake import Intake
from notifications.models import Notification, ReceivedEvent, RejectedEvent
from preferences import outages, release, rollout
from tests.cloudevents import event_for
from tests.notifications.intakes import running, soon, stored, turn
from tests.postgres_defaults import defaults

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def away(postgres) -> Iterator[None]:
    postgres.stop()
    yield
    postgres.start()
    connection.close()  # ours broke with the others


def send(queue, *events) -> None:
    """One event per message; text is a body as it is."""
    sqs = boto3.client("sqs", endpoint_url=os.environ["SQS_ENDPOINT_URL"])
    for event in events:
        sqs.send_message(QueueUrl=queue.url, MessageBody=event if isinstance(event, str) else json.dumps(event))


def is_empty(queue) -> bool:
    return queue.depth() == Depth(0, 0)


def test_an_event_goes_from_the_queue_into_the_inbox_and_leaves_the_queue(queue, alice):
    with running(queue):
        send(queue, event_for(alice))
        assert soon(stored(1))
        assert soon(lambda: is_empty(queue))


def test_what_follows_a_batch_closely_goes_together(queue, alice, settings):
    settings.INTAKE_BATCH_EVERY = timedelta(seconds=3)
    with running(queue):
        send(queue, event_for(alice, id="evt_1"))
        assert soon(stored(1))
        send(queue, event_for(alice, id="evt_2"))
        assert soon(lambda: queue.depth() == Depth(0, 1))  # the intake has it in hand
        send(queue, event_for(alice, id="evt_3"))
        assert soon(stored(3))
    assert ReceivedEvent.objects.values("received_at").distinct().count() == 2  # of a transaction


def test_a_stop_finishes_what_is_in_hand(queue, alice):
    send(queue, *(event_for(alice, id=str(n)) for n in range(50)))
    with running(queue):
        assert soon(lambda: Notification.objects.exists())
    assert queue.depth() == Depth(50 - Notification.objects.count(), 0)


def test_the_same_message_twice_gives_one_row(queue, alice):
    event = event_for(alice)
    with running(queue):
        send(queue, event, event)
        assert soon(lambda: is_empty(queue))
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 1


def test_a_bad_message_is_rejected_and_leaves_the_queue(queue, alice):
    with running(queue):
        send(queue, "not JSON", event_for(alice))
        assert soon(stored(1))
        assert soon(lambda: is_empty(queue))
    assert RejectedEvent.objects.get().reason == "not_json"


def test_the_kill_switch_holds_messages_in_the_queue_and_lets_them_go_on_release(queue, alice):
    turn(kill_switch=True)
    with running(queue):
        send(queue, event_for(alice))
        assert not soon(stored(1), seconds=3)
        assert queue.depth().waiting == 1
        turn(kill_switch=False)
        assert soon(stored(1))


def test_postgresql_away_for_longer_than_the_visibility_timeout_loses_nothing(queue, alice, servers, settings):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=2)
    with running(queue):
        send(queue, event_for(alice, id="before"))
        assert soon(stored(1))
        with away(servers.postgres):
            send(queue, *(event_for(alice, id=f"during {n}") for n in range(30)))
            assert not soon(lambda: queue.dead_letters().depth().waiting, seconds=6)
        assert soon(stored(31))
        assert soon(lambda: is_empty(queue))
    assert is_empty(queue.dead_letters())
    assert not RejectedEvent.objects.exists()


def test_a_stop_while_postgresql_is_away_puts_everything_back(queue, alice, servers, settings):
    settings.ROLLOUT_CACHE = timedelta(minutes=1)  # so that it receives before it notices
    rollout.current()
    with away(servers.postgres), running(queue):
        send(queue, *(event_for(alice, id=str(n)) for n in range(5)))
        assert soon(lambda: queue.depth().in_flight)
    assert soon(lambda: queue.depth() == Depth(5, 0))


def test_an_intake_with_nothing_to_do_is_there_again_after_postgresql_was_away(queue, alice, servers, monkeypatch):
    given_up = Mock(wraps=outages.drop_connection)
    monkeypatch.setattr(database_gate, "drop_connection", given_up)
    with running(queue):
        with away(servers.postgres):
            assert soon(lambda: given_up.call_count >= 2, seconds=60)  # by who noticed, and by who asked again
        send(queue, event_for(alice))
        assert soon(stored(1), seconds=60)


def test_receivers_may_be_more_than_there_are_connections(queue, alice, settings):
    settings.ROLLOUT_CACHE = timedelta(0)  # each of them reads the switch itself
    with running(queue, receivers=16):
        for number in range(20):
            send(queue, event_for(alice, id=str(number)))
            assert soon(stored(number + 1), seconds=30)


def test_a_message_that_kills_its_process_every_time_ends_among_the_dead_letters(queue, alice):
    send(queue, event_for(alice))
    for _ in range(5):
        (received,) = queue.receive()
        queue.put_back([received.receipt])
    assert not queue.receive(wait=timedelta(0))
    assert soon(lambda: queue.dead_letters().depth().waiting == 1)


def test_a_producers_batch_arrives_whole(queue, alice, bob):
    events = [event_for(alice, bob, id=str(n)) for n in range(25)]
    with running(queue):
        send(queue, json.dumps(events))
        assert soon(stored(50))


def test_a_table_that_is_locked_for_a_while_costs_patience_and_no_event(queue, alice):
    with defaults("lock_timeout = '200ms'"), running(queue):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE notifications IN EXCLUSIVE MODE")
            send(queue, *(event_for(alice, id=str(n)) for n in range(8)))
            assert not soon(lambda: RejectedEvent.objects.exists(), seconds=4)
        assert soon(stored(8))


def test_a_server_that_takes_no_writes_is_waited_for(queue, alice):
    with ExitStack() as stack:
        with defaults("default_transaction_read_only = on"):
            stack.enter_context(running(queue))
            send(queue, event_for(alice))
            assert not soon(lambda: RejectedEvent.objects.exists() or is_empty(queue), seconds=3)
        assert soon(stored(1))


# --- After a release -----------------------------------------------------------------------------------------


def test_what_piled_up_comes_in_slowly_at_first_and_all_of_it(queue, alice, settings, monkeypatch):
    monkeypatch.setattr(release, "EVENTS_PER_SECOND", 50.0)
    settings.RELEASE_RAMP = timedelta(seconds=20)
    turn(kill_switch=True)
    send(queue, *(event_for(alice, id=str(n)) for n in range(300)))
    with running(queue):
        assert not soon(stored(300), seconds=2)
        turn(kill_switch=False)
        assert soon(lambda: Notification.objects.exists())
        first, began = Notification.objects.count(), time.monotonic()
        assert soon(stored(300), seconds=30)
    assert first < 150
    assert time.monotonic() - began > 1
    assert is_empty(queue)


def test_a_stop_does_not_wait_for_the_ramp(queue, alice, settings):
    settings.RELEASE_RAMP = timedelta(hours=1)
    turn(kill_switch=True)
    send(queue, *(event_for(alice, id=str(n)) for n in range(300)))
    with running(queue):
        turn(kill_switch=False)
        assert soon(lambda: Notification.objects.exists())
    assert soon(lambda: queue.depth().waiting == 300 - Notification.objects.count())


class AwayQueue:
    """Does not answer `failures` times; then it is empty."""

    pause_seconds = 0.01

    def __init__(self, failures: int) -> None:
        self.failures = itertools.count(-failures)

    def receive(self) -> list[Received]:
        if next(self.failures) < 0:
            raise EndpointConnectionError(endpoint_url="http://sqs.example")
        return []


def test_receivers_tell_together_that_the_queue_is_away_and_that_it_answers_again(monkeypatch, caplog):
    monkeypatch.setattr(intake, "_PAUSE_SECONDS", 0.01)
    with running(AwayQueue(failures=20), receivers=4):
        assert soon(lambda: "queue answers again" in caplog.messages)
    about_the_queue = [message for message in caplog.messages if message.startswith("queue ")]
    assert about_the_queue == ["queue unreachable", "queue answers again"]


class LavishQueue(AwayQueue):
    """Has more to give at once than an intake has room for."""

    def receive(self) -> list[Received]:
        return [Received(str(number), "{}", timezone.now()) for number in range(100)]


def test_a_thread_that_dies_after_the_stop_ends_the_intake_as_well(settings, monkeypatch):
    settings.INTAKE_BATCH_MESSAGES = 1
    intake = Intake(LavishQueue(failures=0), receivers=1, processors=1)
    [receiver], draining, ends = intake._receivers, threading.Event(), list[bool]()

    def die(*_, **__) -> None:
        draining.wait()
        raise RuntimeError("a fault that nobody foresaw")

    def join_receiver(join=receiver.join) -> None:
        draining.set()
        join()

    monkeypatch.setattr(pipeline, "process", die)
    monkeypatch.setattr(receiver, "join", join_receiver)
    intake.start()
    assert soon(intake._batches._messages.full)
    intake.stop()
    threading.Thread(target=lambda: ends.append(intake.join()), daemon=True).start()
    assert soon(lambda: ends == [False])

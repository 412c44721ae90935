"""SQS is gone, and everything still arrives, once: producer, web process and intake together."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command

from benchmarks.percentiles import Percentiles
from devstack.waiting import wait_until
from notifications.models import Notification, ReceivedEvent, RejectedEvent, WaitingEvent
from notifications_producer import Event, HttpFallback, Producer, PublishFailed
from preferences.authentication import issue_service_token

pytestmark = pytest.mark.django_db(transaction=True)
_PATIENCE = 30.0  # seconds


def event(recipient, number: object) -> Event:
    return Event(type="task_assigned", source="/services/tasks", recipients=[recipient.id], id=str(number))


@pytest.fixture
def producer(queue, web, settings) -> Producer:
    fallback = HttpFallback(f"{web.base_url}/api/v1/events", token=lambda: issue_service_token("tasks"))
    return Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL, fallback=fallback)


def arrived(count: int):
    return lambda: Notification.objects.count() >= count


def test_200_events_published_while_sqs_is_gone_arrive_once_each(producer, intake, alice, servers, record_property):
    producer.publish(event(alice, "before"))
    assert wait_until(arrived(1), seconds=_PATIENCE)
    servers.aws.stop()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: producer.publish(event(alice, number)), range(200)))
    assert wait_until(arrived(201), seconds=_PATIENCE)
    assert wait_until(lambda: not WaitingEvent.objects.exists(), seconds=_PATIENCE)
    assert Counter(ReceivedEvent.objects.values_list("path", flat=True)) == {"sqs": 1, "http": 200}
    assert Notification.objects.count() == 201
    took = [
        (stored_at - occurred_at).total_seconds()
        for stored_at, occurred_at in Notification.objects.values_list("created_at", "event__occurred_at")
    ]
    found = Percentiles.of(took)
    record_property("event to inbox over HTTP, P95 in ms", found.p95)
    print(f"event to inbox over HTTP: P50 {found.p50:.0f} ms, P95 {found.p95:.0f} ms, at most {found.maximum:.0f} ms")


def test_an_intake_that_starts_while_sqs_is_gone_takes_what_comes_over_http(producer, start_intake, alice, servers):
    servers.aws.stop()
    start_intake()
    producer.publish(event(alice, "only"))
    assert wait_until(arrived(1), seconds=_PATIENCE)


def test_what_went_by_sqs_and_is_repeated_over_http_is_there_once(producer, intake, alice, servers):
    events = [event(alice, number) for number in range(100)]
    producer.publish_many(events[:50])
    assert wait_until(arrived(50), seconds=_PATIENCE)
    servers.aws.stop()
    producer.publish_many(events)
    assert wait_until(arrived(100), seconds=_PATIENCE)
    assert wait_until(lambda: not WaitingEvent.objects.exists(), seconds=_PATIENCE)
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 100
    assert not RejectedEvent.objects.exists()


def test_what_went_over_http_and_comes_by_sqs_later_is_there_once(producer, intake, alice, servers, queue, settings):
    servers.aws.stop()
    events = [event(alice, number) for number in range(20)]
    producer.publish_many(events)
    assert wait_until(arrived(20), seconds=_PATIENCE)
    servers.aws.start()
    Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL).publish_many([*events, event(alice, "last")])
    assert wait_until(arrived(21), seconds=_PATIENCE)
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 21


def test_a_source_of_another_service_is_refused_by_name(producer, alice, servers):
    servers.aws.stop()
    foreign = Event(type="task_assigned", source="/services/docs", recipients=[alice.id])
    with pytest.raises(PublishFailed) as failure:
        producer.publish_many([event(alice, "ours"), foreign])
    assert failure.value.refused == {foreign.id: "forbidden_source"}
    assert [entry.id for entry in failure.value.events] == [foreign.id]


def test_the_command_publishes_over_http_too(web, intake, alice, servers, settings, capsys):
    settings.DEBUG = True  # so that it may sign a token
    servers.aws.stop()
    call_command("publish_event", "mentioned", alice.email)
    assert "Published mentioned" in capsys.readouterr().out
    assert wait_until(arrived(1), seconds=_PATIENCE)
    assert ReceivedEvent.objects.get().path == "http"


def test_the_first_event_after_the_loss_comes_over_http(producer, intake, alice, servers):
    producer.publish(event(alice, "before"))
    assert wait_until(arrived(1), seconds=_PATIENCE)
    servers.aws.stop()
    producer.publish(event(alice, "after"))
    assert wait_until(arrived(2), seconds=_PATIENCE)
    assert ReceivedEvent.objects.get(event_id="after").path == "http"

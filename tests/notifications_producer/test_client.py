import os
import pickle
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from devstack.waiting import wait_until
from notifications.event_queue import Depth
from notifications_producer import (
    CircuitBreaker,
    Event,
    HttpFallback,
    InvalidEvent,
    NotConfigured,
    Producer,
    PublishFailed,
)
from tests.notifications_producer.published import bodies, event, ids, several
from tests.notifications_producer.service import Answer, Service, answering


@pytest.fixture
def service() -> Iterator[Service]:
    with answering() as service:
        yield service


@pytest.fixture
def producer(queue, service) -> Producer:
    return Producer(
        queue_url=queue.url,
        endpoint_url=os.environ["SQS_ENDPOINT_URL"],
        fallback=HttpFallback(service.url, token="t"),
        breaker=CircuitBreaker(failures=2, seconds=0.5),
    )


@pytest.fixture
def bare(queue) -> Producer:
    return Producer(queue_url=queue.url, endpoint_url=os.environ["SQS_ENDPOINT_URL"])


# --- SQS is there --------------------------------------------------------------------------------------------


def test_events_go_to_sqs_and_nowhere_else(producer, queue, service):
    producer.publish(event("one"))
    assert producer.publish_many(several(250)) == 250
    assert ids(bodies(queue)) == sorted(["one", *map(str, range(250))])
    assert not service.bodies


def test_an_event_that_is_too_large_keeps_all_of_its_call_back(producer, queue, service):
    with pytest.raises(InvalidEvent):
        producer.publish_many([event(1), event(2, length=1_100_000)])
    assert queue.depth() == Depth(0, 0)
    assert not service.bodies


@pytest.mark.parametrize("excerpt", [float("nan"), object(), {1, 2}], ids=["nan", "an object", "a set"])
def test_an_event_that_was_made_no_json_harms_no_other(producer, queue, service, excerpt):
    params = {"excerpt": "x"}
    odd = Event(type="mentioned", source="/services/docs", recipients=["u"], params=params)
    params["excerpt"] = excerpt
    with pytest.raises(InvalidEvent, match="JSON"):
        producer.publish_many([event(1), odd])
    assert queue.depth() == Depth(0, 0)


@pytest.mark.parametrize("odd", [{"type": "mentioned"}, None, "mentioned", Event], ids=str)
def test_what_is_no_event_harms_no_other(producer, queue, odd):
    with pytest.raises(InvalidEvent, match="what is published must be of the class Event"):
        producer.publish_many([event(1), odd])
    assert queue.depth() == Depth(0, 0)


def test_nothing_is_nothing(producer):
    assert producer.publish_many([]) == 0


# --- SQS is away ---------------------------------------------------------------------------------------------


def test_events_go_by_http_under_the_same_ids_and_times(producer, service, servers):
    servers.aws.stop()
    published = several(3)
    assert producer.publish_many(published) == 3
    assert service.bodies == [[entry.as_cloudevent() for entry in published]]


def test_a_silent_sqs_is_waited_for_a_few_seconds_at_most(queue, service):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        producer = Producer(
            queue_url=queue.url,
            endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            fallback=HttpFallback(service.url, token="t"),
        )
        producer.publish(event(1))
    assert service.ids == ["1"]
    patience = producer._sqs.meta.config
    assert (patience.connect_timeout + patience.read_timeout) * patience.retries["total_max_attempts"] <= 6


def test_the_open_breaker_spares_the_wait(producer, service, servers, monkeypatch):
    producer._breaker = CircuitBreaker(failures=2, seconds=60)
    servers.aws.stop()
    producer.publish(event(0))
    producer.publish(event(1))
    monkeypatch.setattr(producer._sqs, "send_message_batch", lambda **_: pytest.fail("SQS was asked"))
    producer.publish_many([event(2), event(3)])
    assert service.ids == ["0", "1", "2", "3"]


def test_the_breaker_lets_sqs_back_in(producer, queue, service, servers):
    servers.aws.stop()
    for number in range(3):
        producer.publish(event(number))
    assert producer._breaker.is_open
    servers.aws.start()
    assert wait_until(lambda: producer.publish(event("meanwhile")) or not producer._breaker.is_open, seconds=10)
    producer.publish(event("by the queue"))
    assert "by the queue" in ids(bodies(queue))
    assert "by the queue" not in service.ids


def test_what_went_by_one_way_did_not_go_by_the_other(producer, queue, service, servers):
    producer.publish_many(several(10))
    servers.aws.stop()
    producer.publish_many([event(number) for number in range(10, 20)])
    servers.aws.start()
    assert ids(bodies(queue)) == sorted(map(str, range(10)))
    assert sorted(service.ids) == sorted(map(str, range(10, 20)))


def test_only_the_entries_that_sqs_refuses_go_by_http(producer, queue, service, monkeypatch):
    send = producer._sqs.send_message_batch

    def refuse_the_second(**request):
        second = [entry for entry in request["Entries"] if '"id":"1"' in entry["MessageBody"]]
        others = [entry for entry in request["Entries"] if entry not in second]
        answer = send(**{**request, "Entries": others}) if others else {}
        return {**answer, "Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in second]}

    monkeypatch.setattr(producer._sqs, "send_message_batch", refuse_the_second)
    producer.publish_many([event(number, length=60_000) for number in range(3)])  # each fills a message
    assert ids(bodies(queue)) == ["0", "2"]
    assert service.ids == ["1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>a portal</html>"),
        Answer(200, {}),
        Answer(200, []),
        Answer(200, {"Successful": 1}),
        Answer(200, b"\xff\xfe"),
        Answer(200, {"Successful": [], "Failed": [{"Id": "7"}]}),
    ],
    ids=lambda answer: str(answer.body),
)
def test_an_answer_that_is_not_of_sqs_counts_as_none(queue, service, answer):
    with answering(*[answer] * 4) as portal:
        producer = Producer(
            queue_url=queue.url,
            endpoint_url=portal.url.removesuffix("/api/v1/events"),
            fallback=HttpFallback(service.url, token="t"),
        )
        producer.publish_many(several(2))
    assert service.ids == ["0", "1"]


def test_threads_share_a_producer(producer, service, servers):
    servers.aws.stop()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(producer.publish, several(100)))
    assert sorted(service.ids) == sorted(map(str, range(100)))


def test_a_refusal_of_sqs_is_told_in_its_own_word(queue):
    answer = Answer(403, {"__type": "AccessDenied", "message": "no"})
    with answering(answer) as portal:
        producer = Producer(queue_url=queue.url, endpoint_url=portal.url.removesuffix("/api/v1/events"))
        with pytest.raises(PublishFailed, match="AccessDenied"):
            producer.publish(event(1))


# --- Both are away -------------------------------------------------------------------------------------------


def test_when_both_ways_fail_every_event_is_named(producer, service, servers):
    servers.aws.stop()
    service.answers += [Answer(503)] * 2
    with pytest.raises(PublishFailed, match=r"3 events were.*SQS: \w+; HTTP: HTTP 503") as failure:
        producer.publish_many(several(3))
    assert [entry.id for entry in failure.value.events] == ["0", "1", "2"]
    assert not failure.value.refused


def test_the_same_events_may_be_published_again_as_they_are(producer, service, servers):
    servers.aws.stop()
    service.answers += [Answer(400)]
    with pytest.raises(PublishFailed) as failure:
        producer.publish_many(several(3))
    producer.publish_many(failure.value.events)
    assert service.bodies[0] == service.bodies[1]


def test_events_that_the_service_refuses_are_named_with_the_reason(producer, service, servers):
    servers.aws.stop()
    service.answers.append(Answer(202, {"accepted": 2, "rejected": [{"index": 1, "code": "forbidden_source"}]}))
    with pytest.raises(PublishFailed, match=r"1 event was.*1 is refused \(forbidden_source\)") as failure:
        producer.publish_many(several(3))
    assert [entry.id for entry in failure.value.events] == ["1"]
    assert failure.value.refused == {"1": "forbidden_source"}


def test_without_a_fallback_the_failure_names_the_events(bare, servers):
    servers.aws.stop()
    for _ in range(4):
        with pytest.raises(PublishFailed, match="EndpointConnectionError") as failure:
            bare.publish(event("alone"))
    assert [entry.id for entry in failure.value.events] == ["alone"]


def test_without_a_fallback_sqs_is_tried_every_time(bare, queue, servers):
    servers.aws.stop()
    for number in range(4):
        with pytest.raises(PublishFailed):
            bare.publish(event(number))
    servers.aws.start()
    bare.publish(event("after"))
    assert ids(bodies(queue)) == ["after"]


def test_the_log_says_how_many_go_by_http_and_why_and_not_what(service, caplog):
    answer = Answer(400, {"__type": "AWS.SimpleQueueService.NonExistentQueue", "message": "no"})
    with answering(answer) as portal:
        producer = Producer(
            queue_url="https://sqs.eu-west-1.amazonaws.com/1/mistyped",
            endpoint_url=portal.url.removesuffix("/api/v1/events"),
            fallback=HttpFallback(service.url, token="t"),
        )
        producer.publish_many(several(3))
    [record] = [record for record in caplog.records if record.name.startswith("notifications_producer")]
    assert (record.events, record.error) == (3, "AWS.SimpleQueueService.NonExistentQueue")
    assert record.getMessage() == (
        "events go by HTTP: 3 of them, which SQS has not taken (AWS.SimpleQueueService.NonExistentQueue)"
    )


def test_many_refused_events_do_not_make_a_long_message(producer, service, servers):
    servers.aws.stop()
    rejected = [{"index": index, "code": "unknown_type"} for index in range(50)]
    service.answers.append(Answer(202, {"accepted": 0, "rejected": rejected}))
    with pytest.raises(PublishFailed, match="and 40 more") as failure:
        producer.publish_many(several(50))
    assert len(failure.value.refused) == 50


def test_a_failure_can_be_handed_to_another_process():
    failure = PublishFailed([event("0"), event("1")], "HTTP 503", refused={"1": "unknown_type"})
    copy = pickle.loads(pickle.dumps(failure))  # noqa: S301 - our own
    assert ([entry.id for entry in copy.events], copy.refused, str(copy)) == (["0", "1"], failure.refused, str(failure))


# --- Not to be made ------------------------------------------------------------------------------------------


@pytest.fixture
def no_region(monkeypatch, tmp_path) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def test_without_a_region_it_says_which_variable_is_missing(no_region, queue):
    with pytest.raises(NotConfigured, match="AWS_DEFAULT_REGION"):
        Producer(queue_url=queue.url)


def test_an_address_of_sqs_that_is_none_is_told_at_once(queue):
    with pytest.raises(NotConfigured, match="no client for SQS: Invalid endpoint"):
        Producer(queue_url=queue.url, endpoint_url="nowhere")

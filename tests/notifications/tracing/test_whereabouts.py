from datetime import UTC, datetime

import pytest

from notifications import pipeline
from notifications.models import Path, ReceivedEvent, RejectedEvent, Rejection, WaitingEvent
from notifications.tracing import rejection_words, trace
from notifications.tracing.clock import Clock
from notifications.tracing.findings import Finding
from tests.cloudevents import message
from tests.notifications.published import EVENT, publish

pytestmark = pytest.mark.django_db


def test_dead_letters_are_counted(queue):
    queue._sqs.call("SendMessage", QueueUrl=queue.dead_letters().url, MessageBody="{}")
    found = trace.find(EVENT)
    assert found.finding is Finding.NEVER_ARRIVED
    assert found.answer.endswith(
        "and the queue is empty: its producer has not published it, or it is one of those that could not be taken in."
    )
    assert found.notes == [
        "1 message is in the dead-letter queue, where nobody takes them in: it may be among them. "
        "An engineer puts them back with “manage.py redrive_dead_letters”."
    ]


def test_a_queue_that_is_away_fails_nothing(settings, db):
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:9"
    found = trace.find(EVENT)
    assert found.finding is Finding.QUEUED
    assert "the queue cannot be asked at the moment" in found.answer


def test_a_queue_that_nobody_empties_is_said_to_stand_still(queue):
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody="{}")
    assert "nothing moves, because the intake is down" in trace.find(EVENT).answer


def test_events_that_came_by_http_and_wait_are_counted(queue, db):
    WaitingEvent.objects.create(body="{}")
    since = Clock(UTC).tell(WaitingEvent.objects.get().accepted_at)
    found = trace.find(EVENT)
    assert found.finding is Finding.QUEUED
    assert found.answer == (
        f"Event “8f1c2d” has not arrived yet, but 1 event that came by POST /api/v1/events has been waiting to be "
        f"taken in since {since}, and it may be that one."
    )


def test_events_that_wait_beside_a_queue_are_a_note(queue, db):
    WaitingEvent.objects.bulk_create([WaitingEvent(body="{}")] * 2)
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody="{}")
    found = trace.find(EVENT)
    assert "1 message is waiting in the queue" in found.answer
    assert found.notes[0].startswith("2 events that came by POST /api/v1/events have been waiting to be taken in since")


def test_what_an_intake_has_in_hand_is_told(queue):
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody="{}")
    assert len(queue.receive()) == 1
    assert "1 message is just being taken in" in trace.find(EVENT).answer


def test_the_record_says_since_when_it_is_kept(alice, queue):
    publish(alice)
    at = ReceivedEvent.objects.get().received_at
    assert f"has never arrived since {at.day} {at:%B %Y}, where our record begins" in trace.find("other").answer


def test_the_day_on_which_the_record_begins_is_that_of_the_zone_in_which_times_are_told(alice, queue, settings):
    settings.DEFAULT_TIMEZONE = "Asia/Kathmandu"
    publish(alice)
    ReceivedEvent.objects.update(received_at=datetime(2026, 3, 4, 18, 30, tzinfo=UTC))
    assert "since 5 March 2026, where our record begins" in trace.find("other").answer


def test_rejected_events_without_an_id_are_mentioned(queue, db):
    pipeline.process([message("no JSON")], path=Path.SQS)
    assert trace.find(EVENT).notes == ["1 of the latest rejected events has no id that could be read."]


def test_a_rejected_event_is_found_by_its_source_too(alice, queue):
    publish(alice, type="unknown")
    assert trace.find(EVENT, source="/services/tasks").rejected_id == RejectedEvent.objects.get().id
    assert trace.find(EVENT, source="/services/other").finding is Finding.NEVER_ARRIVED


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        ("not_json", "unexpected end of data", "it is no JSON (unexpected end of data)"),
        ("wrong_shape", "data must be an object", "it has not the form that was agreed (data must be an object)"),
        ("too_many_recipients", "10001 recipients, more than 10000", "it names more than 10,000 recipients"),
        ("too_large", "1048577 bytes, more than 1048576", "it is larger than 1 MiB"),
        ("internal_error", "DataError: row (a secret remark)", "it made our own software fail"),
    ],
)
def test_a_rejection_is_told_in_words_that_fit(queue, db, reason, detail, words):
    RejectedEvent.objects.create(reason=reason, detail=detail, body=b"", body_digest=b"1", path="sqs", event_id=EVENT)
    found = trace.find(EVENT)
    assert f"because {words}, so nobody has heard of it." in found.answer
    assert "a secret remark" not in str(found)


def test_every_rejection_has_its_words():
    assert set(rejection_words.WORDS) == set(Rejection)

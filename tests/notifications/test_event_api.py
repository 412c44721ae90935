import json
from datetime import timedelta

import pytest
from django.db import InternalError, OperationalError
from django.utils import timezone
from waffle.models import Switch

from notifications import waiting_events
from notifications.event_messages import MAX_MESSAGE_BYTES
from notifications.models import RejectedEvent, WaitingEvent
from preferences import rollout
from tests.cloudevents import cloudevent, event_for
from tests.preferences.services import service
from tests.rest import details, refusal

EVENTS = "/api/v1/events"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sources(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"], "docs": ["/services/docs"]}


def answered(response) -> tuple[int, list]:
    assert response.status_code == 202, response.content
    return response.json()["accepted"], response.json()["rejected"]


def kept() -> list[dict]:
    return [json.loads(body) for body in WaitingEvent.objects.order_by("id").values_list("body", flat=True)]


# --- Accepted ------------------------------------------------------------------------------------------------


def test_an_event_is_stored_before_the_answer(alice):
    event, before = event_for(alice), timezone.now()
    assert answered(service().post(EVENTS, event)) == (1, [])
    assert kept() == [event]
    assert before - timedelta(seconds=1) < WaitingEvent.objects.get().accepted_at < timezone.now()


def test_a_batch_is_stored_in_its_order(alice):
    batch = [event_for(alice, id=str(number)) for number in range(250)]
    assert answered(service().post(EVENTS, batch)) == (250, [])
    assert kept() == batch


def test_each_event_of_a_batch_is_judged_alone(alice):
    batch = [event_for(alice), event_for(alice, type="unheard_of"), "text", event_for(alice, source="/services/docs")]
    accepted, rejected = answered(service().post(EVENTS, batch))
    assert (accepted, len(kept())) == (1, 1)
    assert rejected == [
        {"index": 1, "code": "unknown_type"},
        {"index": 2, "code": "wrong_shape"},
        {"index": 3, "code": "forbidden_source"},
    ]


def test_what_is_rejected_is_kept_like_the_queues(alice):
    answered(service().post(EVENTS, [event_for(alice), event_for(alice, id="bad", type="unheard_of")]))
    rejected = RejectedEvent.objects.get()
    assert (rejected.path, rejected.reason, rejected.event_id) == ("http", "unknown_type", "bad")


def test_the_log_tells_of_what_is_rejected_and_if_wished_of_what_is_accepted(alice, settings, caplog):
    settings.LOG_EVENTS = True
    caplog.set_level("INFO", logger="notifications")
    answered(service().post(EVENTS, [event_for(alice, id="good"), event_for(alice, id="bad", type="unheard_of")]))
    told = {record.getMessage(): record.event_id for record in caplog.records if hasattr(record, "event_id")}
    assert told == {"event accepted": "good", "event rejected": "bad"}


def test_a_foreign_source_is_kept_with_the_name_of_the_service(alice):
    answered(service("docs").post(EVENTS, event_for(alice, id="foreign")))
    rejected = RejectedEvent.objects.get()
    assert (rejected.reason, rejected.source) == ("forbidden_source", "/services/tasks")
    assert "docs" in rejected.detail
    assert not WaitingEvent.objects.exists()


@pytest.mark.parametrize("source", ["/services/tasks/", "/services/task", "/SERVICES/TASKS", "*", "/services/tasks/a"])
def test_a_source_is_allowed_as_a_whole(alice, source):
    _, [rejected] = answered(service().post(EVENTS, event_for(alice, source=source)))
    assert rejected == {"index": 0, "code": "forbidden_source"}


def test_a_service_without_sources_publishes_nothing(alice):
    _, [rejected] = answered(service("unheard-of").post(EVENTS, event_for(alice)))
    assert rejected["code"] == "forbidden_source"


def test_hundreds_of_bad_events_are_told_one_by_one_and_kept_once():
    accepted, rejected = answered(
        service().post(EVENTS, [cloudevent(type="unheard_of", id=str(n)) for n in range(300)])
    )
    assert (accepted, [entry["index"] for entry in rejected]) == (0, list(range(300)))
    assert RejectedEvent.objects.count() == 1


def test_a_batch_that_is_kept_whole_says_that_it_holds_a_foreign_event(alice):
    bad = [cloudevent(type="unheard_of", id=str(number)) for number in range(150)]
    answered(service().post(EVENTS, [*bad, event_for(alice, source="/services/docs")]))
    rejected = RejectedEvent.objects.get()
    assert (rejected.reason, json.loads(bytes(rejected.body))[:150]) == ("forbidden_source", bad)


def test_an_event_is_accepted_while_the_kill_switch_holds(alice):
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
    rollout.forget()
    assert answered(service().post(EVENTS, event_for(alice))) == (1, [])


def test_what_postgresql_cannot_store_is_cleaned_away(alice):
    body = json.dumps(event_for(alice, data={"params": {"excerpt": "a\x00b\ud800c"}})).encode()
    assert answered(service()("POST", EVENTS, body)) == (1, [])
    assert kept()[0]["data"]["params"]["excerpt"] == "abc"


def test_ten_thousand_recipients_fit():
    event = cloudevent(data={"recipients": [f"usr_{number:032x}" for number in range(10_000)]})
    assert answered(service().post(EVENTS, event)) == (1, [])


def test_a_mebibyte_is_taken_and_a_byte_more_is_not(alice):
    body = json.dumps(event_for(alice)).encode()
    assert answered(service()("POST", EVENTS, body.ljust(MAX_MESSAGE_BYTES))) == (1, [])
    assert "1048576" in details(service()("POST", EVENTS, body.ljust(MAX_MESSAGE_BYTES + 1)))["body"]


def test_what_the_intake_could_not_read_again_is_not_accepted(alice):
    body = json.dumps(event_for(alice, numbers=0)).replace(
        '"numbers": 0', f'"numbers": [{",".join(["1e15"] * 100_000)}]'
    )
    assert answered(service()("POST", EVENTS, body.encode())) == (0, [{"index": 0, "code": "too_large"}])
    assert not WaitingEvent.objects.exists()


# --- Refused as a whole --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[",
        b"not JSON",
        b"[]",
        b"\xff\xfe",
        b"NaN",
        b"[" * 100_000,
        b'{"a":1}{"b":2}',
        b"\x00",
        b"\\ud800",
        b"[1" + b",1" * 500_000 + b"]",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_holds_no_event_is_refused(body):
    assert details(service()("POST", EVENTS, body)).keys() == {"body"}
    assert not WaitingEvent.objects.exists()
    assert not RejectedEvent.objects.exists()


BAD = {
    "null": None,
    "a number": 5,
    "a text": "text",
    "true": True,
    "nothing in it": {},
    "no data": {key: value for key, value in cloudevent().items() if key != "data"},
    "another version": cloudevent(specversion="0.3"),
    "no id": cloudevent(id=""),
    "an id that is a number": cloudevent(id=7),
    "an id too long": cloudevent(id="x" * 256),
    "no source": cloudevent(source=None),
    "a time in words": cloudevent(time="yesterday"),
    "a time without an offset": cloudevent(time="2026-03-04T14:30:00"),
    "a time that is a number": cloudevent(time=1_772_634_600),
    "data as a text": {**cloudevent(), "data": "text"},
    "no recipients": cloudevent(data={"recipients": []}),
    "one recipient bare": cloudevent(data={"recipients": "usr_1"}),
    "recipients as numbers": cloudevent(data={"recipients": [1]}),
    "too many recipients": cloudevent(data={"recipients": ["x"] * 10_001}),
    "an actor bare": cloudevent(data={"actor": "usr_1"}),
    "a resource bare": cloudevent(data={"resource": "tsk_1"}),
    "a foreign address": cloudevent(data={"resource": {"type": "task", "id": "1", "url": "https://evil.example/"}}),
    "params as a list": cloudevent(data={"params": []}),
    "a batch in a batch": [[cloudevent()]],
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_bad_event_is_rejected_with_its_reason(body):
    accepted, [rejected] = answered(service().post(EVENTS, json.dumps(body).encode()))
    assert (accepted, rejected["index"]) == (0, 0)
    assert rejected["code"] == RejectedEvent.objects.get().reason


@pytest.mark.parametrize(
    "media_type", ["cloudevents+json; charset=utf-8", "cloudevents-batch+json", "CloudEvents+JSON"]
)
def test_the_media_types_of_cloudevents_are_taken(alice, media_type):
    taken = service()("POST", EVENTS, [event_for(alice)], content_type=f"application/{media_type}")
    assert answered(taken) == (1, [])


def test_an_object_without_anything_is_an_event_that_is_rejected_and_an_array_without_any_is_none():
    assert answered(service().post(EVENTS, {})) == (0, [{"index": 0, "code": "wrong_shape"}])
    assert refusal(service().post(EVENTS, [])) == (400, "INVALID_REQUEST")


def test_a_body_of_another_media_type_is_refused(alice):
    refused = service()("POST", EVENTS, event_for(alice), content_type="text/plain")
    assert refusal(refused) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_another_method_is_refused():
    assert refusal(service().get(EVENTS)) == (405, "METHOD_NOT_ALLOWED")


def test_a_service_has_600_calls_a_minute(monkeypatch):
    monkeypatch.setattr(waiting_events, "store", lambda *_: None)
    statuses = [service().post(EVENTS, cloudevent()).status_code for _ in range(601)]
    assert (statuses.count(202), statuses[-1]) == (600, 429)


# --- PostgreSQL is away --------------------------------------------------------------------------------------


class ReadOnly(Exception):
    sqlstate = "25006"


def failing(error: Exception, cause: Exception | None = None):
    def fail(*_):
        raise error from cause

    return fail


@pytest.mark.parametrize(("error", "cause"), [(OperationalError("gone"), None), (InternalError("no"), ReadOnly())])
def test_without_postgresql_the_producer_is_told_to_come_back(monkeypatch, error, cause):
    monkeypatch.setattr(waiting_events, "store", failing(error, cause))
    assert refusal(service().post(EVENTS, cloudevent())) == (503, "UNAVAILABLE")


def test_a_fault_of_ours_is_no_outage(monkeypatch):
    monkeypatch.setattr(waiting_events, "store", failing(InternalError("a fault")))
    assert refusal(service().post(EVENTS, cloudevent())) == (500, "INTERNAL_ERROR")


def test_when_the_rejected_cannot_be_kept_nothing_is_accepted(alice, monkeypatch):
    monkeypatch.setattr(waiting_events.records, "record_rejections", failing(OperationalError("gone")))
    assert refusal(service().post(EVENTS, [event_for(alice), 5])) == (503, "UNAVAILABLE")
    assert not WaitingEvent.objects.exists()

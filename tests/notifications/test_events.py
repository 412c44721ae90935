import json
from datetime import timedelta
from uuid import UUID

import pytest

from notifications.models import Rejection
from tests.cloudevents import cloudevent
from tests.notifications.reading import NOW, SENT, accepted, reason

ALICE, BOB = UUID(int=1), UUID(int=2)


def test_an_event_is_read_field_for_field():
    event = accepted(cloudevent())
    assert (event.id, event.source, event.type.name) == ("8f1c2d", "/services/tasks", "task_assigned")
    assert (event.recipients, event.actor_id) == ((ALICE,), BOB)
    assert event.resource.title == "Update pricing page"
    assert event.occurred_at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "1",
        '"text"',
        cloudevent(specversion="0.3"),
        cloudevent(id=""),
        cloudevent(id=7),
        cloudevent(id="x" * 256),
        cloudevent(source=None),
        cloudevent(type=["task_assigned"]),
        cloudevent(time="yesterday"),
        cloudevent(time="2026-03-04T14:30:00"),
        cloudevent(time="1969-12-31T23:59:59Z"),
        cloudevent(time=1772634600),
        {**cloudevent(), "data": []},
        cloudevent(data={"recipients": []}),
        cloudevent(data={"recipients": str(ALICE)}),
        cloudevent(data={"recipients": [7]}),
        cloudevent(data={"actor": "bob"}),
        cloudevent(data={"actor": {}}),
        cloudevent(data={"resource": {"type": "task"}}),
        cloudevent(data={"resource": {"type": "task", "id": "x" * 51}}),
        cloudevent(data={"resource": {"type": "task", "id": "1", "title": 5}}),
        cloudevent(data={"params": []}),
        cloudevent(data={"params": {"excerpt": {}}}),
        json.dumps(cloudevent()).replace('"params": {}', '"params": {"deep": ' + "[" * 500 + "]" * 500 + "}"),
    ],
)
def test_what_has_another_shape_is_rejected(body):
    assert reason(body) is Rejection.WRONG_SHAPE


def test_a_type_that_the_catalogue_does_not_know_is_rejected():
    assert reason(cloudevent(type="invoice_paid")) is Rejection.UNKNOWN_TYPE


def test_more_than_ten_thousand_recipients_are_too_many():
    recipients = [str(UUID(int=number)) for number in range(10_001)]
    assert reason(cloudevent(data={"recipients": recipients})) is Rejection.TOO_MANY_RECIPIENTS
    assert len(accepted(cloudevent(data={"recipients": recipients[:-1]})).recipients) == 10_000


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/tasks/a b",
        "https://evil.example/tasks",
        "https://127.0.0.1:8000@evil.example/",
        "https://user:password@app.partner.example/",
        "http://app.partner.example/",
        "https://app.partner.example:8443/",
        "javascript:alert(1)",
        "data:text/html,x",
        "tasks/1",
        "/" + "x" * 2000,
        "https://[",
    ],
)
def test_a_url_that_leads_elsewhere_is_rejected(url, settings):
    settings.RESOURCE_URL_HOSTS = ["app.partner.example"]
    assert reason(cloudevent(data={"resource": {"type": "task", "id": "1", "url": url}})) is Rejection.BAD_URL


@pytest.mark.parametrize("url", ["/tasks/1", "/", "/a?b=//c#d", "https://app.partner.example/t/1", "/t\u0000asks"])
def test_a_path_and_https_on_an_allowed_host_are_kept(url, settings):
    settings.RESOURCE_URL_HOSTS = ["app.partner.example"]
    event = accepted(cloudevent(data={"resource": {"type": "task", "id": "1", "url": url}}))
    assert event.resource.url == url.replace("\0", "")


def test_recipients_are_folded_and_both_forms_are_one_user():
    event = accepted(cloudevent(data={"recipients": [str(ALICE), f"usr_{ALICE.hex}", str(BOB)]}))
    assert event.recipients == (ALICE, BOB)


def test_a_recipient_id_that_is_none_is_kept_aside_and_harms_nobody():
    event = accepted(cloudevent(data={"recipients": ["nobody", str(ALICE)]}))
    assert (event.recipients, event.malformed_recipients) == ((ALICE,), ("nobody",))


def test_without_a_time_the_moment_of_sending_counts():
    event = cloudevent()
    del event["time"]
    assert accepted(event).occurred_at == SENT


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-04t14:30:00z", NOW),
        ("2026-03-04T14:29:60Z", NOW - timedelta(seconds=1)),  # a leap second is taken for the one before it
        ("2026-03-05T04:29:60.5+14:00", NOW - timedelta(seconds=0.5)),
    ],
)
def test_a_time_may_be_written_in_every_way_of_rfc_3339(written, meant):
    assert accepted(cloudevent(time=written)).occurred_at == meant


def test_a_time_far_in_the_future_counts_as_now():
    assert accepted(cloudevent(time="2026-03-04T14:35:01Z")).occurred_at == NOW
    assert accepted(cloudevent(time="2026-03-04T14:34:59Z")).occurred_at > NOW


def test_actor_resource_and_params_are_optional_and_unknown_keys_are_passed_over():
    event = accepted({**cloudevent(), "extra": 1, "data": {"recipients": [str(ALICE)], "params": {"color": "red"}}})
    assert (event.actor_id, event.resource, event.params) == (None, None, {})


def test_a_param_is_shortened_since_every_recipients_row_holds_it():
    event = accepted(cloudevent(type="comment_added", data={"params": {"excerpt": "x" * 100_000}}))
    assert len(event.params["excerpt"]) == 2_000
    assert event.params["excerpt"].endswith("…")

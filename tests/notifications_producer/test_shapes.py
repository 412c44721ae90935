"""What the client refuses the service would reject, and what the client takes the service accepts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from notifications import events, links
from notifications.event_messages import read_message
from notifications.events import Rejected
from notifications_producer import Event, InvalidEvent, Resource, shapes

ALICE = "usr_00000000000000000000000000000001"
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def event(**changes: Any) -> Event:
    return Event(**{"type": "mentioned", "source": "/services/docs", "recipients": [ALICE], "time": NOW, **changes})


def about(**changes: Any) -> Resource:
    return Resource(**{"type": "task", "id": "tsk_456", **changes})


def service_rejects(body: object) -> bool:
    [part] = read_message(json.dumps(body), sent_at=NOW, now=NOW)
    return isinstance(part, Rejected)


def written(**changes: Any) -> Mapping[str, Any]:
    """The JSON that a client without any checks would have made; `data` and `resource` replace single keys."""
    whole = event(resource=about()).as_cloudevent()
    resource = {**whole["data"]["resource"], **changes.pop("resource", {})}
    return {**whole, "data": {**whole["data"], "resource": resource, **changes.pop("data", {})}, **changes}


NAMES = {"empty": "", "invisible": "\x00\x1f\u202e\ud800", "long": "x" * 256, "a number": 5, "nothing": None}
RESOURCE_NAMES = {**NAMES, "long": "x" * 51}
URLS = {
    "a word": "tasks/tsk_456",
    "a script": "javascript:alert(1)",
    "ftp": "ftp://example.com/",
    "a backslash": "/\\evil.example",
    "a space": "/tasks/tsk 456",
    "a line break": "/tasks\n/tsk_456",
    "long": "/" + "x" * 2_000,
    "a number": 5,
}


# --- Refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["type", "source", "id"])
@pytest.mark.parametrize("value", NAMES.values(), ids=NAMES.keys())
def test_a_name_that_is_none_is_refused(field, value):
    with pytest.raises(InvalidEvent, match=f"^{field} must be a text of 1 to 255 characters, not "):
        event(**{field: value})
    assert service_rejects(written(**{field: value}))


@pytest.mark.parametrize("field", ["type", "id"])
@pytest.mark.parametrize("value", RESOURCE_NAMES.values(), ids=RESOURCE_NAMES.keys())
def test_a_resource_without_a_name_is_refused(field, value):
    with pytest.raises(InvalidEvent, match=rf"^resource\.{field} must be a text of 1 to 50 characters, not "):
        about(**{field: value})
    assert service_rejects(written(resource={field: value}))


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_a_url_that_leads_nowhere_is_refused(url):
    with pytest.raises(InvalidEvent, match=r"^resource\.url "):
        about(url=url)
    assert service_rejects(written(resource={"url": url}))


def test_a_title_that_is_no_text_is_refused():
    with pytest.raises(InvalidEvent, match=r"^resource\.title must be a text, not int$"):
        about(title=5)
    assert service_rejects(written(resource={"title": 5}))


@pytest.mark.parametrize("given", [{"type": "task", "id": "1"}, "tsk_456"], ids=["a dict", "a text"])
def test_a_resource_of_another_class_is_refused(given):
    with pytest.raises(InvalidEvent, match=r"^resource must be of the class Resource, not "):
        event(resource=given)


@pytest.mark.parametrize(
    "given",
    [None, ALICE, b"usr", [], {"id": ALICE}, [ALICE] * 10_001, (ALICE for _ in "x"), 5],
    ids=["none", "a text", "bytes", "empty", "a dict", "too many", "a generator", "a number"],
)
def test_recipients_that_are_no_list_are_refused(given):
    with pytest.raises(InvalidEvent, match=r"^recipients must be a list of 1 to 10000 user ids, not "):
        event(recipients=given)


@pytest.mark.parametrize("given", [None, 5, {"id": ALICE}, [ALICE]], ids=str)
def test_a_recipient_that_is_no_text_is_refused_by_its_place(given):
    with pytest.raises(InvalidEvent, match=r"^recipients\[1\] must be a user id, not "):
        event(recipients=[ALICE, given])
    assert service_rejects(written(data={"recipients": [ALICE, given]}))


@pytest.mark.parametrize("given", [5, "", "x" * 256], ids=["a number", "empty", "long"])
def test_an_actor_that_is_no_user_id_is_refused(given):
    with pytest.raises(InvalidEvent, match=r"^actor must be "):
        event(actor=given)
    assert service_rejects(written(data={"actor": {"id": given}}))


def test_an_actor_as_an_object_is_refused_for_it_would_be_nobody():
    with pytest.raises(InvalidEvent, match=r"^actor must be a user id, not dict$"):
        event(actor={"id": ALICE})


def test_an_address_is_no_user_id_and_is_not_quoted():
    with pytest.raises(InvalidEvent, match=r"^recipients\[0\] must be a user id, not an address$"):
        event(recipients=["alice@example.com"])
    with pytest.raises(InvalidEvent, match=r"^actor must be a user id, not an address$"):
        event(actor="alice@example.com")


@pytest.mark.parametrize("given", [["a"], "from", 5], ids=str)
def test_params_that_are_no_mapping_are_refused(given):
    with pytest.raises(InvalidEvent, match=r"^params must be a mapping of texts, not "):
        event(params=given)
    assert service_rejects(written(data={"params": given}))


def test_a_param_that_is_no_text_is_refused_by_its_name():
    with pytest.raises(InvalidEvent, match=r"^params\['from'\] must be a text, not int$"):
        event(params={"from": 1})
    assert service_rejects(written(data={"params": {"from": 1}}))
    with pytest.raises(InvalidEvent, match=r"^the names of params must be texts, not int$"):
        event(params={1: "one"})


@pytest.mark.parametrize(
    "given",
    ["2026-03-04T14:30:00Z", 1_772_634_600, None, datetime(2026, 3, 4), datetime(1969, 12, 31, tzinfo=UTC)],
    ids=["a text", "a number", "none", "without a zone", "before 1970"],
)
def test_a_time_that_is_none_is_refused(given):
    with pytest.raises(InvalidEvent, match=r"^time "):
        event(time=given)


@pytest.mark.parametrize("year_end", [datetime.min, datetime.max], ids=["the first", "the last"])
def test_a_time_that_utc_has_no_day_for_is_refused(year_end):
    zone = timezone(timedelta(hours=12 if year_end == datetime.min else -12))
    with pytest.raises(InvalidEvent, match=r"^time lies outside the calendar$"):
        event(time=year_end.replace(tzinfo=zone))


# --- Taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x" * 255, "source": "\x00" + "x" * 255},
        {"recipients": (ALICE, UUID(int=1))},
        {"recipients": {ALICE: None}.keys()},
        {"recipients": ["of another form", ""]},
        {"actor": UUID(int=1)},
        {"actor": "of another form"},
        {"params": {"excerpt": "x" * 3_000, "from": None, "unheard_of": "x"}},
        {"params": None},
        {"time": datetime(2026, 3, 4, 23, tzinfo=timezone(timedelta(hours=14)))},
        {"resource": Resource(type="x" * 50, id="\x00" + "x" * 50, title="x" * 300)},
        {"resource": Resource(type="task", id="1", url="/" + "x" * 1_999)},
        {"resource": Resource(type="task", id="1", url="/straße?q=ä#top")},
        {"resource": Resource(type="task", id="1", url="\x00")},
        {"resource": Resource(type="task", id="1", url="https://docs.example.com/pages")},
    ],
    ids=lambda changes: repr(changes)[:60],
)
def test_what_the_client_takes_the_service_accepts(settings, changes):
    settings.RESOURCE_URL_HOSTS = ["docs.example.com"]
    assert not service_rejects(json.loads(event(**changes).as_json()))


@pytest.mark.parametrize("url", ["https://evil.example/", "http://evil.example/", "//evil.example/"])
def test_only_the_service_knows_the_allowed_hosts(url):
    assert service_rejects(event(resource=about(url=url)).as_cloudevent())


def test_both_have_the_same_limits():
    assert shapes.MAX_RECIPIENTS == events.MAX_RECIPIENTS
    assert shapes.MAX_NAME_LENGTH == events.NAME_LENGTH
    assert shapes.MAX_RESOURCE_NAME_LENGTH == events.RESOURCE_NAME_LENGTH
    assert shapes.MAX_URL_LENGTH == links.MAX_LENGTH

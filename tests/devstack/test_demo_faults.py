"""The switches of the demo's page: what they take down is down for everybody, and the page tells how things stand."""

import os
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from waffle.models import Switch

from devstack.demo import faults, producing
from devstack.demo.faults import Fault
from devstack.demo.management.commands import seed_demo
from devstack.demo.people import STAFF, Duty
from devstack.ports import LOOPBACK, free_port
from notifications.event_queue import EventQueue
from notifications.models import WaitingEvent
from preferences import rollout
from preferences.models import User

SIMULATED = [fault for fault in Fault if fault is not Fault.KILL_SWITCH]
ADMIN = STAFF[Duty.ADMIN]


@pytest.fixture
def demo(settings: Settings, db: None) -> Iterator[Client]:
    """The demo's page with everything well; and everything is well afterwards."""
    settings.ROOT_URLCONF = "tests.devstack.demo_urls"
    seed_demo.Command().handle()
    yield Client()
    for fault in SIMULATED:
        faults.turn(fault, on=False)
    producing.forget()


def turn(demo: Client, fault: str, state: str) -> dict[str, str]:
    """Turn it on the page; return what the page shows then."""
    return shown(demo.post("/demo/faults", {"fault": fault, "state": state}).json())


def shown(answer: dict) -> dict[str, str]:
    return {one["fault"]: one["state"] for one in answer["faults"]}


def after_a_reload(demo: Client) -> dict[str, str]:
    return shown(demo.get("/demo/story", {"user": "alice"}).json())


@pytest.mark.parametrize("fault", list(Fault))
def test_a_switch_takes_down_what_it_says_and_nothing_else(demo: Client, fault: Fault):
    assert turn(demo, fault, "on") == {one: "on" if one == fault else "off" for one in Fault}
    assert after_a_reload(demo)[fault] == "on"
    assert set(turn(demo, fault, "off").values()) == {"off"}


def test_what_another_program_has_taken_down_is_shown(demo: Client):
    httpx.put(f"{os.environ['SES_ENDPOINT_URL']}/_faults", json={"kind": "throttle", "count": 1}).raise_for_status()
    assert after_a_reload(demo)[Fault.SES] == "on"


def test_a_fault_that_is_used_up_is_no_fault_any_more(demo: Client):
    httpx.put(f"{os.environ['SES_ENDPOINT_URL']}/_faults", json={"kind": "throttle", "count": 0}).raise_for_status()
    assert after_a_reload(demo)[Fault.SES] == "off"


def test_a_simulator_that_does_not_answer_is_away(demo: Client, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setenv("FCM_SIMULATOR_URL", f"http://{LOOPBACK}:{free_port()}")
        assert after_a_reload(demo)[Fault.FCM] == "away"
        assert demo.post("/demo/faults", {"fault": "fcm", "state": "on"}).status_code == 503


@pytest.mark.parametrize("wrong", [{"fault": "postgres", "state": "on"}, {"fault": "ses", "state": "maybe"}, {}])
def test_what_is_no_switch_is_refused(demo: Client, wrong: dict[str, str]):
    assert demo.post("/demo/faults", wrong).status_code == 400


def test_with_sqs_down_a_service_publishes_by_http_under_its_own_name(demo: Client, queue: EventQueue, web: object):
    turn(demo, Fault.SQS, "on")
    answer = demo.post("/demo/publish", {"user": "alice", "service": "docs"}).json()
    assert [(one["path"], one["source"]) for one in answer["published"]] == [("http", "/services/docs")]
    assert WaitingEvent.objects.count() == 1


def test_once_sqs_is_healed_events_go_there_again(demo: Client, queue: EventQueue):
    turn(demo, Fault.SQS, "on")
    turn(demo, Fault.SQS, "off")
    answer = demo.post("/demo/publish", {"user": "alice", "service": "tasks"}).json()
    assert answer["published"][0]["path"] == "sqs"
    assert len(queue.receive()) == 1


def test_the_kill_switch_is_turned_as_in_the_admin_and_on_record_there(demo: Client):
    turn(demo, Fault.KILL_SWITCH, "on")
    turn(demo, Fault.KILL_SWITCH, "off")
    entries = LogEntry.objects.filter(user_id=ADMIN.id).order_by("id")
    assert [entry.change_message for entry in entries] == [
        "Turned on: on the demo's page",
        "Released: on the demo's page",
    ]


def test_a_demo_that_starts_anew_releases_what_its_page_had_turned_on(demo: Client):
    turn(demo, Fault.KILL_SWITCH, "on")
    seed_demo.Command().handle()
    assert not rollout.read().is_killed


def test_a_demo_that_starts_anew_leaves_what_somebody_turned_on_in_the_admin(demo: Client):
    turn(demo, Fault.KILL_SWITCH, "on")
    turn(demo, Fault.KILL_SWITCH, "off")
    admin = Client()
    admin.force_login(User.objects.get(id=ADMIN.id))
    admin.post(reverse("admin:switch"), {"turn": "on", "reason": "an exercise", "is_sure": "on"})
    seed_demo.Command().handle()
    assert Switch.objects.get(name=rollout.KILL_SWITCH).active

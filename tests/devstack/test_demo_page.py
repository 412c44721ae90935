"""The demo's page and buttons, and that nobody meets them elsewhere."""

import json
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from devstack.demo import checks, producing, urls
from devstack.demo.management.commands import seed_demo
from devstack.demo.people import AUDIENCE, BYSTANDER, EVERYBODY
from devstack.demo.services import SERVICES, Service
from notifications.event_queue import EventQueue
from notifications_producer import PublishFailed
from preferences.authentication import authenticate
from preferences.models import Flag, User
from preferences.rollout import FLAG

ALICE = AUDIENCE[0]


@pytest.fixture
def demo(settings: Settings, db: None) -> Iterator[Client]:
    """The demo's routes, with its people."""
    settings.ROOT_URLCONF = "devstack.demo.urls"
    seed_demo.Command().handle()
    yield Client()
    producing.forget()


ROUTES = (
    "/",
    "/demo/token",
    "/demo/publish",
    "/demo/faults",
    "/demo/story",
    "/demo/arrivals",
    "/demo/mails/1",
    "/tasks/tsk_456",
)


def test_every_route_of_the_demo_is_looked_at(demo: Client):
    assert all(any(pattern.resolve(path[1:]) for path in ROUTES) for pattern in urls.urlpatterns)


def test_the_page_tells_of_a_bell_to_whom_has_one_alone(demo: Client):
    Flag.objects.filter(name=FLAG).update(everyone=True)
    assert "The bell is up there." in demo.get("/").content.decode()
    Flag.objects.filter(name=FLAG).update(everyone=False)
    page = demo.get("/").content.decode()
    assert "Alice has no bell" in page
    assert "data-settings" not in page


@pytest.mark.parametrize("path", ROUTES)
def test_without_demo_its_routes_do_not_exist(client: Client, path: str):
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404


def test_a_demo_that_others_could_reach_is_an_error(settings: Settings):
    settings.BIND_ADDRESS = "0.0.0.0"  # noqa: S104
    settings.PUBLIC_URL = "https://demo.example.com"
    assert [problem.id for problem in checks.check_demo_is_local()] == ["demo.E001", "demo.W001"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_demo_on_loopback_is_fine(settings: Settings, address: str):
    settings.BIND_ADDRESS = address
    assert checks.check_demo_is_local() == []


def test_the_page_runs_nothing_that_is_not_ours(demo: Client):
    answer = demo.get("/")
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    assert b"<style" not in answer.content
    assert b"style=" not in answer.content


def test_every_resource_of_an_event_has_a_page(demo: Client):
    resources = {happening.resource for service in SERVICES for happening in service.happenings}
    assert all(str(resource.title) in demo.get(str(resource.url)).content.decode() for resource in resources)


def test_the_token_is_the_chosen_users(demo: Client):
    token = demo.post("/demo/token", {"user": "bob"}).json()["token"]
    assert authenticate(token).user.email == "bob@example.com"


@pytest.mark.parametrize("path", ["/demo/token", "/demo/publish"])
def test_nobody_but_the_three_can_be_chosen(demo: Client, path: str):
    assert demo.post(path, {"user": BYSTANDER.key, "service": "tasks"}).status_code == 400
    assert demo.post(path, {"user": "admin", "service": "tasks"}).status_code == 400


@pytest.mark.parametrize("path", ["/demo/token", "/demo/publish", "/demo/faults"])
def test_another_site_cannot_press_the_buttons(demo: Client, path: str):
    fields = {"user": "alice", "service": "tasks", "fault": "ses", "state": "off"}
    assert Client(enforce_csrf_checks=True).post(path, fields).status_code == 403


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_button_publishes_its_services_event(demo: Client, queue: EventQueue, service: Service):
    assert demo.post("/demo/publish", {"user": "alice", "service": service.name}).status_code == 202
    [received] = queue.receive()
    event = json.loads(received.body)
    assert event["source"] == f"/services/{service.name}"
    assert event["data"]["recipients"] == [str(ALICE.id)]


def test_a_busy_morning_is_of_all_five_services(demo: Client, queue: EventQueue):
    answer = demo.post("/demo/publish", {"user": "alice", "service": "busy"}).json()
    assert {one["source"] for one in answer["published"]} == {f"/services/{service.name}" for service in SERVICES}
    assert len(answer["published"]) == 40


def test_when_nobody_takes_the_event_the_page_says_so(demo: Client, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PublishFailed([], "EndpointConnectionError")

    monkeypatch.setattr(producing, "publish", refuse)
    assert demo.post("/demo/publish", {"user": "alice", "service": "tasks"}).status_code == 503


def test_seeding_again_keeps_what_was_changed(demo: Client):
    Flag.objects.filter(name=FLAG).update(everyone=None, percent=5)
    User.objects.filter(id=ALICE.id).update(name="Alice M.")
    seed_demo.Command().handle()
    assert Flag.objects.get(name=FLAG).percent == 5
    assert User.objects.get(id=ALICE.id).name == "Alice M."
    assert User.objects.count() == len(EVERYBODY) + 3


def test_the_printed_passwords_are_those_of_the_admin(demo: Client, capsys: pytest.CaptureFixture[str]):
    seed_demo.Command().handle()
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    for email, password in printed.items():
        assert User.objects.get(email=email).check_password(password.removeprefix("password").strip())
    assert len(printed) == 3

import html
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from waffle.models import Switch

from delivery import dispatch, lanes
from delivery.models import Delivery, State
from devstack.ports import free_port
from notifications.event_queue import RETENTION, Depth, EventQueue
from notifications.models import Backfill, Forecast, Path, RejectedEvent, Rejection, WaitingEvent
from notifications.support import operations, queue_depths
from notifications.support.backlog import ByHttp
from preferences import rollout
from preferences.models import Flag
from tests.delivery.rows import delivery
from tests.staff import browse_as, staff_with, superuser

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture(autouse=True)
def _queues_of_this_test(queue: EventQueue, settings: Settings) -> None:
    """A worker's queue of an earlier test may hold its tasks."""
    settings.OUTBOUND_QUEUES = {"email": f"{queue.name}-email", "push": f"{queue.name}-push"}
    settings.MAINTENANCE_QUEUE = f"{queue.name}-maintenance"


@pytest.fixture
def support(client: Client, db: None) -> Client:
    """Somebody of support, as far as this page goes."""
    client.force_login(staff_with("view_system"))
    return client


@pytest.fixture
def silence() -> Iterator[str]:
    """A server that takes connections and never answers: its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent_sqs(silence: str, settings: Settings) -> None:
    settings.SQS_ENDPOINT_URL = f"http://{silence}"


@pytest.fixture
def silent_redis(silence: str, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://{silence}/0"


@pytest.fixture
def no_redis(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


def show(client: Client) -> str:
    response = client.get(reverse("admin:operations"))
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def reject(reason: Rejection, *, ago: timedelta = timedelta()) -> None:
    digest = f"{reason} {ago} {time.monotonic_ns()}".encode()
    then = timezone.now() - ago
    RejectedEvent.objects.create(reason=reason, body=b"", body_digest=digest, path=Path.SQS, rejected_at=then)


def kill() -> None:
    Switch.objects.get(name=rollout.KILL_SWITCH).delete()
    Switch.objects.create(name=rollout.KILL_SWITCH, active=True)


# --- What is found ---------------------------------------------------------------------------------------------


def test_the_queues_are_asked_how_much_waits(queue: EventQueue):
    dispatch.create_queues()
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody=json.dumps({}))
    snapshot = operations.take()
    assert snapshot.events is not None
    assert (snapshot.events.waiting, snapshot.dead_letters) == (1, Depth(0, 0))
    assert list(snapshot.workers.values()) == [Depth(0, 0)] * 3


def test_deliveries_are_counted_by_state_and_channel_with_the_first_of_each(alice):
    now = timezone.now()
    delivery(alice, due_at=now - timedelta(minutes=5))
    delivery(alice, due_at=now - timedelta(minutes=1))
    delivery(alice, channel="push", due_at=now)
    delivery(alice, state=State.SENT)
    mail, push = operations.take().waiting_in(State.PENDING)
    assert (mail.channel, mail.count, mail.first) == ("email", 2, now - timedelta(minutes=5))
    assert (push.channel, push.count) == ("push", 1)


def test_what_a_digest_has_gathered_is_not_held_any_more(alice):
    digest = delivery(alice, type="digest", state=State.SENDING, lease_until=timezone.now())
    delivery(alice, state=State.HELD, digest=digest)
    delivery(alice, state=State.HELD)
    (held,) = operations.take().waiting_in(State.HELD)
    assert held.count == 1


def test_failures_of_the_last_hour_are_counted_by_channel_and_error(alice):
    lately, before = timezone.now(), timezone.now() - timedelta(minutes=61)
    for error, updated_at in (("Throttling", lately), ("MessageRejected", lately), ("MessageRejected", lately)):
        delivery(alice, state=State.FAILED, provider_error=error, updated_at=updated_at)
    delivery(alice, state=State.FAILED, provider_error="Throttling", updated_at=before)
    found = [(failure.channel, failure.error, failure.count) for failure in operations.take().failures]
    assert found == [("email", "MessageRejected", 2), ("email", "Throttling", 1)]


def test_rejected_events_of_the_last_day_are_counted_by_reason():
    reject(Rejection.BAD_URL)
    reject(Rejection.UNKNOWN_TYPE)
    reject(Rejection.UNKNOWN_TYPE, ago=timedelta(hours=23))
    reject(Rejection.NOT_JSON, ago=timedelta(hours=25))
    found = [(refusal.reason, refusal.count) for refusal in operations.take().rejected]
    assert found == [(Rejection.UNKNOWN_TYPE, 2), (Rejection.BAD_URL, 1)]


def test_only_what_is_under_way_in_the_background_is_listed():
    now = timezone.now()
    for name, ends in (("open", {}), ("done", {"finished_at": now}), ("undone", {"undone_at": now})):
        Backfill.objects.create(kind="notifications", file_name=name, file_digest=name.encode(), **ends)
    Forecast.objects.create(type="mentioned", defaults={})
    Forecast.objects.create(type="mentioned", defaults={}, finished_at=now)
    snapshot = operations.take()
    assert [backfill.file_name for backfill in snapshot.backfills] == ["open"]
    assert len(snapshot.forecasts) == 1


def test_events_past_sqs_are_counted_with_the_first_of_them():
    assert operations.take().by_http == ByHttp(0, None)
    first = WaitingEvent.objects.create(body="{}")
    WaitingEvent.objects.create(body="{}")
    first.refresh_from_db()
    assert operations.take().by_http == ByHttp(2, first.accepted_at)


def test_the_rate_of_each_channel_is_told():
    lanes.grant("email", 100)
    rates = operations.take().sends_per_second
    assert rates["email"] > 10
    assert rates["push"] == 0


def test_the_switch_tells_since_when_it_holds_and_what_expires_first():
    assert operations.take().controls.killed_since is None
    kill()
    controls = operations.take().controls
    assert controls.killed_since is not None
    assert controls.first_expiry == controls.killed_since + RETENTION


def test_the_flag_tells_its_percentage():
    Flag.objects.update(everyone=None, percent=5)
    controls = operations.take().controls
    assert (controls.everyone, controls.percent) == (None, 5.0)


# --- What is away ----------------------------------------------------------------------------------------------


def test_silent_servers_cost_one_patience_and_their_own_part(silent_sqs, silent_redis, support, alice, monkeypatch):
    waits = []

    def note_wait(looks, timeout: float) -> None:
        waits.append((len(looks), timeout <= queue_depths.PATIENCE.total_seconds()))
        wait(looks, timeout)

    monkeypatch.setattr(queue_depths, "wait", note_wait)
    delivery(alice)
    page = show(support)
    assert waits == [(5, True)]  # one wait for all queues together
    assert page.count("cannot be asked") == 6  # events, dead letters, three queues of workers, and the lanes
    assert "the oldest has been due for" in page


def test_a_silent_sqs_is_asked_by_one_thread_a_queue_however_many_look(silent_sqs, monkeypatch):
    monkeypatch.setattr(queue_depths, "PATIENCE", timedelta())
    asked = [queue_depths.Question(["silent"]) for _ in range(3)]
    assert [question.answers() for question in asked] == [{"silent": None}] * 3
    assert len({question._looks["silent"] for question in asked}) == 1


def test_without_redis_the_lanes_alone_cannot_be_asked(no_redis, support):
    dispatch.create_queues()
    assert (operations.take().lanes, operations.take().sends_per_second) == (None, {})
    page = show(support)
    assert page.count("cannot be asked") == 1
    assert "Redis does not answer" in page


def test_a_queue_that_was_never_made_cannot_be_asked():
    assert set(operations.take().workers.values()) == {None}


# --- The page --------------------------------------------------------------------------------------------------


def test_the_page_tells_of_everything_and_asks_a_dozen_queries_at_most(support, alice):
    dispatch.create_queues()
    delivery(alice, state=State.FAILED, provider_error="MessageRejected", updated_at=timezone.now())
    reject(Rejection.UNKNOWN_TYPE)
    Backfill.objects.create(kind="notifications", file_name="f", file_digest=b"", lines=120_000)
    Forecast.objects.create(type="mentioned", defaults={}, users=31_204, total=200_000)
    with CaptureQueriesContext(connection) as queries:
        page = show(support)
    assert len(queries) <= MOST_QUERIES
    for told in ("MessageRejected", "unknown_type", "120,000 lines", "31,204 of about 200,000", "on for everyone"):
        assert told in page


def test_the_page_holds_nothing_about_anybody(support, alice):
    delivery(alice, state=State.FAILED, provider_error="MessageRejected", updated_at=timezone.now())
    page = show(support)
    for personal in (alice.name, alice.email, str(alice.id), alice.id.hex, "Update pricing page", "Sarah Kim"):
        assert personal not in page


def test_the_page_comes_anew_every_ten_seconds_and_is_never_kept(support):
    response = support.get(reverse("admin:operations"))
    assert response["Refresh"] == "10"
    assert "no-store" in response["Cache-Control"]


def test_who_may_not_see_people_may_not_see_operations(client, db):
    client.force_login(staff_with())
    assert client.get(reverse("admin:operations")).status_code == 403


def test_a_closed_lane_is_on_the_page(support):
    for _ in range(lanes.OUTAGES_TO_CLOSE):
        lanes.report_outage("push:ios")
    assert "The provider is away; tried again in" in show(support)


def test_what_waits_on_a_channel_of_another_release_breaks_no_page(alice):
    of_another_release = delivery(alice)
    Delivery.objects.filter(id=of_another_release.id).update(channel="sms")
    browser = browse_as(superuser())
    assert browser.get("/admin/operations").status_code == 200
    assert browser.get(reverse("admin:switch")).status_code == 200
    Delivery.objects.filter(id=of_another_release.id).update(state="failed", provider_error="no_route")
    assert b"no_route" in browser.get("/admin/operations").content

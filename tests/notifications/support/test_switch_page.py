import html
from datetime import timedelta

import boto3
import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from waffle.models import Switch

from delivery.models import State
from devstack.ports import free_port
from notifications.event_queue import RETENTION, Depth, EventQueue
from notifications.models import WaitingEvent
from notifications.support import switch_report
from notifications.support.switch_report import Ages
from preferences import rollout
from preferences.catalog import Channel
from tests.delivery.rows import delivery
from tests.staff import browse_as, product_manager, superuser, supporter

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _queue_of_this_test(queue: EventQueue) -> None:
    """An earlier test may have left something in the usual one."""


@pytest.fixture
def admin() -> Client:
    return browse_as(superuser())


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


@pytest.fixture
def no_redis(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
def no_sqs(settings: Settings) -> None:
    settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{free_port()}"


def switch() -> Switch:
    rollout.forget()
    return Switch.objects.get(name=rollout.KILL_SWITCH)


def hold(*, since: timedelta = timedelta()) -> None:
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True, modified=timezone.now() - since)


def turn(client: Client, where: str, **fields: str):
    fields = {"turn": where, "reason": "Mails with a wrong link", "is_sure": "on", **fields}
    return client.post(reverse("admin:switch"), fields)


def show(client: Client) -> str:
    answer = client.get(reverse("admin:switch"))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def send(queue: EventQueue, settings: Settings, count: int) -> None:
    sqs = boto3.client("sqs", endpoint_url=settings.SQS_ENDPOINT_URL)
    for number in range(count):
        sqs.send_message(QueueUrl=queue.url, MessageBody=str(number))


# --- What is found -------------------------------------------------------------------------------------------


def test_what_waits_is_counted_on_both_ways_with_when_sqs_drops_it(queue, settings):
    send(queue, settings, 3)
    WaitingEvent.objects.create(body="{}")
    report = switch_report.take()
    assert (report.queue, report.by_http.count, report.messages) == (Depth(3, 0), 1, 4)
    assert report.first_expiry == report.taken_at + RETENTION


def test_past_sqs_alone_is_counted_when_nothing_else_is_known(no_sqs):
    WaitingEvent.objects.create(body="{}")
    report = switch_report.take()
    assert (report.messages, report.by_http.count) == (None, 1)


def test_a_queue_that_keeps_messages_for_less_is_believed(queue):
    queue._sqs.call("SetQueueAttributes", QueueUrl=queue.url, Attributes={"MessageRetentionPeriod": "3600"})
    hold(since=10 * MINUTE)
    report = switch_report.take()
    assert report.first_expiry == report.turned_at + 60 * MINUTE


def test_while_it_holds_the_rate_is_that_of_what_piled_up(queue, settings):
    send(queue, settings, 6)
    hold(since=MINUTE)
    assert switch_report.take().arriving_per_second == pytest.approx(0.1, rel=0.1)


def test_what_is_too_old_already_is_told_by_channel_and_type_with_the_next(alice):
    now = timezone.now()
    for minutes in (30, 16, 14, 1):
        delivery(alice, channel="push", occurred_at=now - minutes * MINUTE)
    delivery(alice, occurred_at=now - 241 * MINUTE, type="mentioned")
    delivery(alice, occurred_at=now - 5 * MINUTE, state=State.SENT)
    delivery(alice, occurred_at=now - 999 * MINUTE, type="digest")
    found = switch_report.take().ages
    assert found == [
        Ages(Channel.EMAIL, "digest", 1, 0, None),
        Ages(Channel.EMAIL, "mentioned", 1, 1, None),
        Ages(Channel.PUSH, "task_assigned", 4, 2, now + MINUTE),
    ]


@pytest.mark.parametrize(("events", "seconds"), [(0, 0), (1_731, 6), (10**6, 21.9 + (10**6 - 19_909) / 2_500)])
def test_a_backlog_takes_its_ramp_and_then_goes_at_full_speed(settings, events: int, seconds: float):
    settings.RELEASE_RAMP = MINUTE
    assert switch_report._duration(events).total_seconds() == pytest.approx(seconds, rel=0.01)


def test_without_a_ramp_a_backlog_goes_at_full_speed_at_once(settings):
    settings.RELEASE_RAMP = timedelta()
    assert switch_report._duration(5_000) == timedelta(seconds=2)


# --- The page ------------------------------------------------------------------------------------------------


def test_before_it_is_turned_on_the_page_tells_what_it_would_hold(admin, alice):
    delivery(alice)
    delivery(alice, state=State.HELD)
    page = show(admin)
    for told in ("What it would hold", "Held in an hour", "Mail to be sent", "Mail held for digests", "Bells open now"):
        assert told in page
    assert "in 14 days" in page


def test_while_it_is_on_the_page_tells_what_it_holds_and_what_a_release_does(admin, alice, settings):
    settings.RELEASE_RAMP = MINUTE
    hold(since=30 * MINUTE)
    WaitingEvent.objects.create(body="{}")
    delivery(alice, channel="push", occurred_at=timezone.now() - 20 * MINUTE)
    page = show(admin)
    for told in (
        "Held for",
        "30 minutes",
        "Too old to be sent, if released now",
        "Push, task assigned to you",
        "1 of 1",
    ):
        assert told in page
    assert "about 50% left out" in page  # pushes of events that are still in the queue
    assert "200 a second, doubled every 6.0 seconds" in page


def test_the_page_asks_a_dozen_queries_at_most(support, alice):
    turn(browse_as(superuser()), "on")
    delivery(alice, channel="push")
    with CaptureQueriesContext(connection) as queries:
        show(support)
    assert len(queries) <= MOST_QUERIES


def test_the_page_holds_nothing_about_anybody(support, alice):
    delivery(alice, title="Secret plan")
    page = show(support)
    for personal in (alice.name, alice.email, str(alice.id), "Secret plan"):
        assert personal not in page


def test_with_sqs_and_redis_away_the_switch_is_still_there(admin, no_sqs, no_redis, alice):
    assert show(admin).count("cannot be asked") == 3  # the queue, when it drops, and the bells
    turn(admin, "on")
    assert switch().active
    assert "cannot be asked" in show(admin)


def test_the_page_is_never_kept(admin):
    assert "no-store" in admin.get(reverse("admin:switch"))["Cache-Control"]


# --- Turning it ----------------------------------------------------------------------------------------------


def test_it_is_turned_on_and_released_and_both_are_on_record(admin):
    assert turn(admin, "on").status_code == 302
    assert switch().active
    assert rollout.current().is_killed
    turn(admin, "off", reason="Mended")
    assert not switch().active
    done = [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]
    assert done == ["Turned on: Mails with a wrong link", "Released: Mended"]
    page = show(admin)
    assert "ada@example.com" in page
    assert "Released: Mended" in page


def test_after_a_release_the_page_says_until_when_it_goes_slowly(admin, settings):
    settings.RELEASE_RAMP = MINUTE
    Switch.objects.update(created=timezone.now() - 60 * MINUTE)
    turn(admin, "on")
    turn(admin, "off")
    assert f"slowly until {switch().modified + MINUTE:%H:%M:%S} UTC" in show(admin)
    settings.RELEASE_RAMP = timedelta()
    assert "slowly until" not in show(admin)


@pytest.mark.parametrize("missing", [{"is_sure": ""}, {"reason": ""}, {"reason": " "}, {"turn": "sideways"}])
def test_it_does_not_turn_without_a_reason_and_a_confirmation(admin, missing: dict[str, str]):
    assert turn(admin, "on", **missing).status_code == 200
    assert not switch().active
    assert not LogEntry.objects.exists()


def test_a_press_that_comes_second_changes_nothing_and_is_told(admin):
    turn(admin, "on")
    turned_at = switch().modified
    page = admin.post(reverse("admin:switch"), {"turn": "on", "reason": "Me too", "is_sure": "on"}, follow=True)
    assert "Somebody else has just turned it" in page.content.decode()
    assert switch().modified == turned_at
    assert LogEntry.objects.count() == 1


def test_support_sees_it_and_cannot_turn_it(support):
    page = show(support)
    assert "Only an administrator turns it." in page
    assert '<form method="post" action="/admin/switch"' not in page
    assert turn(support, "on").status_code == 403
    assert not switch().active


def test_who_sets_the_flag_does_not_reach_the_switch():
    pm = browse_as(product_manager())
    assert pm.get(reverse("admin:switch")).status_code == 403
    assert turn(pm, "on").status_code == 403


def test_a_post_of_another_site_is_refused(flag_on):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(superuser())
    assert turn(strict, "on").status_code == 403
    assert not switch().active

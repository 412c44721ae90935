"""The kill switch under load: what it stops, what it holds, and what its release lets go."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from delivery import dispatch
from delivery.models import Delivery, State
from devstack.waiting import wait_until
from notifications.models import Decision, Notification, ReceivedEvent
from notifications_producer import Event, Producer, Resource
from preferences import push_tokens
from preferences.authentication import issue_token
from preferences.models import User
from preferences.push_tokens import Platform
from tests.bells import Bell, open_bell
from tests.conftest import running_process
from tests.delivery.rows import delivery, states
from tests.staff import browse_as, superuser

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 90.0  # on a busy machine
RAMP = "5"  # seconds
PER_SECOND = 200
SENDING = ("email", "push", "maintenance", "beat")
HOURS = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called: this stands in for what keeps other tests from it."""


@pytest.fixture
def prefix(settings: Settings) -> str:
    """How the names of this test's queues begin."""
    name = f"test-{secrets.token_hex(4)}"
    settings.OUTBOUND_QUEUES = {channel: f"{name}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    settings.MAINTENANCE_QUEUE = f"{name}-maintenance"
    dispatch.create_queues()
    return name


@pytest.fixture
def everything(transactional_db: None, web, queue, prefix: str, tmp_path: Path) -> Iterator[None]:
    """An intake, and workers with tests.delivery.impatient, on queues of their own."""
    environment = {
        "EVENTS_QUEUE_NAME": queue.name,
        "EVENTS_QUEUE_URL": queue.url,
        "OUTBOUND_QUEUE_PREFIX": prefix,
        "RELEASE_RAMP_SECONDS": RAMP,
    }
    with ExitStack() as running:
        running.enter_context(running_process("intake", environment, log=tmp_path / "intake.log"))
        for name in SENDING:
            log = tmp_path / f"{name}.log"
            running.enter_context(running_process(name, environment, log=log, app="tests.delivery.impatient"))
        yield


@pytest.fixture
def people(alice: User) -> list[User]:
    """Alice, and others; each with a phone."""
    found = [alice, *(User.objects.create_user(f"p{n}@example.com", name=f"Person {n}") for n in range(19))]
    for person in found:
        token = f"token-{person.id.hex}"
        push_tokens.register(person.id, platform=Platform.ANDROID, token=token, device_id="phone")
    return found


@dataclass
class Traffic:
    """A service that publishes at a steady rate: most of it for the bell alone, one event in ten for all channels."""

    producer: Producer
    people: list[UUID]
    loud: list[str] = field(default_factory=list)
    count: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.is_over.wait(timeout=0.1):
            self.producer.publish_many([self._event(self.count + n) for n in range(PER_SECOND // 10)])
            self.count += PER_SECOND // 10

    def _event(self, number: int) -> Event:
        type_ = "comment_added" if number % 10 else "task_assigned"
        recipients = [self.people[number % len(self.people)]]
        event = Event(type=type_, source="/services/tasks", recipients=recipients)
        if type_ == "task_assigned":
            self.loud.append(event.id)
        return event


def about(person: User, title: str, *, age: timedelta = timedelta()) -> Event:
    """An event of so long ago that wants every channel."""
    resource = Resource(type="task", id="tsk_456", url="/tasks/tsk_456", title=title)
    then = timezone.now() - age
    return Event(type="task_assigned", source="/services/tasks", recipients=[person.id], resource=resource, time=then)


def turn(where: str) -> None:
    """Turn the switch as an administrator does."""
    person = User.objects.filter(is_superuser=True).first() or superuser()
    fields = {"turn": where, "reason": "A drill", "is_sure": "on"}
    assert browse_as(person).post(reverse("admin:switch"), fields).status_code == 302


def soon(condition, seconds: float = PATIENCE) -> bool:
    return wait_until(condition, seconds=seconds)


def nothing_waits(queue) -> bool:
    under_way = Delivery.objects.filter(state__in=[State.PENDING, State.SENDING])
    return not (queue.depth().waiting or queue.depth().in_flight or under_way.exists())


def shows(web, user: User) -> bool:
    """What a bell without a socket is told when it asks."""
    headers = {"Authorization": f"Bearer {issue_token(user)}"}
    return bool(httpx.get(f"{web.base_url}/api/v1/notifications/bell", headers=headers).json()["enabled"])


@pytest.mark.usefixtures("everything")
def test_under_load_the_switch_stops_everything_and_its_release_brings_everything_once(
    web, queue, people, alice, mailbox, fcm, settings, request
):
    producer = Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL)
    traffic = Traffic(producer, [person.id for person in people])
    publisher = threading.Thread(target=traffic.run)
    request.addfinalizer(traffic.is_over.set)
    with open_bell(web.websocket_url, alice) as bell:
        producer.publish(about(alice, "The first"))
        assert soon(lambda: mailbox.mails() and fcm.shown())  # every process has started
        publisher.start()
        assert soon(lambda: ReceivedEvent.objects.count() > PER_SECOND)

        turn("on")
        bell.hear("disabled", seconds=PATIENCE)
        assert soon(lambda: stands_still(traffic, mailbox, fcm))
        before = account(mailbox, fcm)
        traffic.is_over.set()
        publisher.join()
        producer.publish_many([about(alice, "Old", age=HOURS / 3), about(alice, "Older", age=5 * HOURS)])
        stale = [
            delivery(alice, channel="push", occurred_at=timezone.now() - HOURS / 3),
            delivery(alice, occurred_at=timezone.now() - 5 * HOURS),
        ]
        assert not shows(web, alice)
        assert account(mailbox, fcm) == before
        assert before["events"] < traffic.count

        turn("off")
        bell.hear("enabled", seconds=PATIENCE)
        assert shows(web, alice)
        assert soon(lambda: Notification.objects.count() == traffic.count + 3)
        assert soon(lambda: nothing_waits(queue))
        producer.publish(about(alice, "The last"))
        assert "The last" in hear_until(bell, "The last")

    assert soon(lambda: nothing_waits(queue))
    assert ReceivedEvent.objects.count() == traffic.count + 4
    assert states(*stale) == [State.SUPPRESSED] * 2
    assert set(Delivery.objects.filter(state=State.SUPPRESSED).values_list("reason", flat=True)) == {"stale"}
    assert [(row.email, row.push) for row in decisions_of_the_old()] == [
        ("preference_on", "stale"),
        ("stale", "stale"),
    ]
    assert_each_was_sent_once(mailbox, fcm, mails=len(traffic.loud) + 3, pushes=len(traffic.loud) + 2)
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("id")] == [
        "Turned on: A drill",
        "Released: A drill",
    ]


def account(mailbox, fcm) -> dict[str, int]:
    """What came in and what went out."""
    return {
        "events": ReceivedEvent.objects.count(),
        "stored": Notification.objects.count(),
        "mails": len(mailbox.received()),
        "pushes": len(fcm.received()),
    }


def stands_still(traffic: Traffic, mailbox, fcm) -> bool:
    """Whether nothing comes in or goes out while a second's worth of events is published."""
    before, published = account(mailbox, fcm), traffic.count
    assert soon(lambda: traffic.count >= published + PER_SECOND)
    return account(mailbox, fcm) == before


def hear_until(bell: Bell, title: str) -> str:
    """What the bell rings for, once the title is in it; the backlog may ring before."""
    while title not in (body := bell.hear("notification", seconds=PATIENCE)["notification"]["body"]):
        pass
    return str(body)


def decisions_of_the_old() -> list[Decision]:
    ids = ReceivedEvent.objects.filter(occurred_at__lt=timezone.now() - HOURS / 4).order_by("-occurred_at")
    return [Decision.objects.get(event_id=event.id) for event in ids]


def assert_each_was_sent_once(mailbox, fcm, *, mails: int, pushes: int) -> None:
    went = Delivery.objects.exclude(state=State.SUPPRESSED)
    assert set(went.values_list("state", flat=True)) == {State.SENT}
    assert Counter(went.values_list("channel", flat=True)) == {"email": mails, "push": pushes}
    assert len(mailbox.mails()) == mails
    assert len(fcm.shown()) == pushes

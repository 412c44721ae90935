import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from delivery import dispatch, lanes
from delivery.dispatch import Due
from delivery.models import DIGEST, Delivery, State
from devstack.waiting import wait_until
from notifications import pipeline
from notifications.models import Path as EventPath
from notifications_producer import Event, Producer, Resource
from preferences.catalog import Channel
from preferences.models import User
from tests.bells import open_bell
from tests.cloudevents import event_for, message
from tests.delivery.post_office import BOOT, PostOffice
from tests.delivery.rows import delivery, states

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("post_office")]
TASK = {"type": "task", "id": "tsk_456", "url": "/tasks/tsk_456"}


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called: this stands in for what keeps other tests from it."""


@pytest.fixture(scope="module")
def _post_office(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("post_office"))
    yield office
    office.close()


@pytest.fixture
def post_office(
    _post_office: PostOffice, transactional_db: None, mailbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostOffice]:
    """Everything that it takes to send mail, at work; what the test itself calls or starts uses the same queues."""
    prefix = _post_office.prefix
    monkeypatch.setenv("OUTBOUND_QUEUE_PREFIX", prefix)
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    settings.MAINTENANCE_QUEUE = f"{prefix}-maintenance"
    dispatch.create_queues()
    _post_office.open()
    known = _post_office.log.stat().st_size
    yield _post_office
    print(_post_office.log.read_bytes()[known:].decode(errors="replace"))  # pytest shows it when the test failed


@pytest.fixture
def producer(queue, settings) -> Producer:
    return Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL)


def assigned(*recipients: User) -> Event:
    resource = Resource(type="task", id="tsk_456", url="/tasks/tsk_456", title="Update pricing page")
    recipient_ids = [recipient.id for recipient in recipients]
    return Event(type="task_assigned", source="/services/tasks", recipients=recipient_ids, resource=resource)


def happens(*recipients: User, **changes: Any) -> None:
    """Take an event in as the intake does, mails and all."""
    pipeline.process([message(event_for(*recipients, **changes))], path=EventPath.SQS)


def post(*deliveries: Delivery) -> None:
    """Call a worker for them, as the intake does after its commit."""
    dispatch.wake([Due(one.id, Channel(one.channel)) for one in deliveries])


def end_of(mail: Delivery, *, seconds: float = BOOT) -> Delivery:
    """Wait until nothing more will happen to it."""
    open_states = [State.HELD, State.PENDING, State.SENDING]
    ended = wait_until(lambda: not Delivery.objects.filter(id=mail.id, state__in=open_states).exists(), seconds=seconds)
    mail.refresh_from_db()
    assert ended, f"still {mail.state} after {seconds} s: {mail.provider_error}"
    return mail


def calls_hit(mailbox) -> int:
    """How many calls have met the ordered faults so far."""
    return sum(fault["hits"] for fault in mailbox.http.get("/_faults").json())


def mails_by_delivery(mailbox) -> Counter[str]:
    return Counter(mail["tags"]["delivery_id"] for mail in mailbox.mails())


# --- From the event to the mail ------------------------------------------------------------------------------------


def test_an_event_becomes_a_mail_within_2_seconds(post_office, intake, producer, mailbox, alice):
    producer.publish(assigned(alice))  # the first one waits for the processes to start
    mailbox.wait_for(1, to=alice.email, seconds=BOOT)

    def is_quick() -> bool:
        count, began = len(mailbox.mails(to=alice.email)) + 1, time.monotonic()
        producer.publish(assigned(alice))
        mailbox.wait_for(count, to=alice.email, seconds=BOOT)
        return time.monotonic() - began < 2

    assert wait_until(is_quick, seconds=BOOT)  # a machine that stands still makes one late, and not the next


def test_what_is_held_comes_as_one_digest_at_its_time(mailbox, alice):
    User.objects.update(notification_preferences={"email_digest": "daily"})
    for number in range(3):
        happens(alice, id=str(number))
    Delivery.objects.update(due_at=timezone.now())  # the user's hour has come
    mailbox.wait_for(1, to=alice.email, seconds=BOOT)
    digest = end_of(Delivery.objects.get(type=DIGEST))
    assert states(*digest.items.all()) == [State.SENT] * 3
    assert len(mailbox.mails(to=alice.email)) == 1


# --- The provider fails ----------------------------------------------------------------------------------------------


def test_while_ses_fails_bells_ring_and_afterwards_every_mail_is_sent_once(web, intake, producer, mailbox, alice, bob):
    mailbox.fail("error")
    with open_bell(web.websocket_url, alice) as bell:
        producer.publish(assigned(alice, bob))
        bell.hear("notification", seconds=BOOT)  # the first one waits for the intake to start
        while (hit := calls_hit(mailbox)) <= lanes.OUTAGES_TO_CLOSE + 1:  # until the lane is closed, and probed
            producer.publish(assigned(alice, bob))
            bell.hear("notification", seconds=2)
            assert wait_until(lambda hit=hit: calls_hit(mailbox) > hit, seconds=BOOT)
    mailbox.heal()
    total = Delivery.objects.count()
    mailbox.wait_for(total, seconds=BOOT)
    assert wait_until(lambda: Delivery.objects.filter(state=State.SENT).count() == total, seconds=5)
    assert set(mails_by_delivery(mailbox).values()) == {1}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


# --- Our own processes die ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "mails"),
    [
        ({"kind": "timeout"}, 1),  # killed before the mail was taken
        ({"kind": "slow", "seconds": 60}, 2),  # killed between the mail and its record: the one documented repeat
    ],
)
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(post_office, mailbox, alice, fault, mails):
    mailbox.fail(count=1, **fault)
    mail = delivery(alice)
    post(mail)
    assert wait_until(lambda: calls_hit(mailbox) == 1, seconds=BOOT)
    post_office.kill("email")
    assert states(mail) == [State.SENDING]
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    post_office.start("email")
    end_of(mail)
    assert (mail.state, len(mailbox.mails(to=alice.email))) == (State.SENT, mails)


def test_idle_workers_find_back_by_themselves_when_sqs_comes_back(post_office, mailbox, servers, alice):
    post(delivery(alice))
    mailbox.wait_for(1, seconds=BOOT)
    servers.aws.stop()
    missed = delivery(alice, woken_at=timezone.now())
    post(missed)  # in vain: SQS is away
    servers.aws.start()
    end_of(missed)
    assert len(mailbox.mails()) == 2
    assert post_office.is_running


def test_a_worker_that_cannot_acknowledge_its_task_works_on_when_sqs_comes_back(post_office, mailbox, servers, alice):
    mailbox.fail("slow", seconds=2, count=1)
    first, second = delivery(alice), delivery(alice)
    post(first)
    assert wait_until(lambda: calls_hit(mailbox) == 1, seconds=BOOT)
    servers.aws.stop()
    end_of(first)
    post(second)
    servers.aws.start()
    end_of(second)
    assert set(mails_by_delivery(mailbox).values()) == {1}
    assert post_office.is_running


# --- Bad content -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["nobody", "a@b@c", "alice@example.com\r\nBcc: eve@example.com", "@example.com"])
def test_what_is_no_address_fails_for_good_and_reaches_nobody(mailbox, alice, address):
    User.objects.filter(id=alice.id).update(email=address)
    mail = delivery(alice)
    post(mail)
    end_of(mail)
    assert (mail.state, mail.provider_error) == (State.FAILED, "invalid_address")
    assert mailbox.mails() == []


def test_a_name_cannot_smuggle_in_a_header(mailbox, alice, bob):
    User.objects.filter(id=bob.id).update(name="Bob\r\nBcc: eve@example.com\r\n\r\n<h1>Hello")
    happens(alice, data={"actor": {"id": str(bob.id)}})
    (received,) = mailbox.wait_for(1, seconds=BOOT)
    assert received["to"] == [alice.email]
    assert "bcc" not in {name.lower() for name in received["headers"]}
    assert end_of(Delivery.objects.get()).state == State.SENT


def test_html_in_a_title_arrives_as_text(mailbox, alice):
    happens(alice, data={"resource": {**TASK, "title": "<script>alert(1)</script>"}})
    (received,) = mailbox.wait_for(1, seconds=BOOT)
    assert "<script>" not in received["html"]
    assert "&lt;script&gt;alert(1)" in received["html"]
    assert "<script>alert(1)" in received["text"]


def test_a_body_of_10_000_characters_arrives(mailbox, alice):
    User.objects.update(notification_preferences={"preferences": {"comment_added": {"email": True}}})
    happens(alice, type="comment_added", data={"params": {"excerpt": "word " * 2_000}})
    mailbox.wait_for(1, seconds=BOOT)
    assert end_of(Delivery.objects.get()).state == State.SENT

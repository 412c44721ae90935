"""Pushes from the row to the phone: the real client libraries, the simulators' real wire."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import attempts, lanes, sweeper
from delivery.models import Delivery, State
from delivery.outcomes import ACCEPTED
from delivery.transports.push import PushTransport
from notifications import pipeline
from notifications.models import Notification, Path
from preferences import push_tokens
from preferences.catalog import Channel
from preferences.models import User
from preferences.push_tokens import Platform
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db


def ios(number: int) -> str:
    return f"{number:064x}"


def android(number: int) -> str:
    return f"android-token-{number:08d}"


def register(user: User, *numbers: int, platform: Platform = Platform.IOS) -> None:
    token = ios if platform is Platform.IOS else android
    for number in numbers:
        push_tokens.register(user.id, platform=platform, token=token(number), device_id=f"{platform} {number}")


def publish(*users: User, **changes) -> None:
    pipeline.process([message(event_for(*users, type="status_changed", **changes))], path=Path.SQS)


def send() -> None:
    due = Delivery.objects.filter(channel=Channel.PUSH, state=State.PENDING)
    attempts.attempt(Channel.PUSH, list(due.values_list("id", flat=True)), PushTransport)


def test_an_event_reaches_the_phones_of_both_kinds(alice, apns, fcm):
    register(alice, 1)
    register(alice, 2, platform=Platform.ANDROID)
    publish(alice)
    send()
    (on_ios,), (on_android,) = apns.wait_for(1), fcm.wait_for(1)
    push, notification = Delivery.objects.get(channel=Channel.PUSH), Notification.objects.get()
    assert (push.state, push.devices) == (State.SENT, {"ios 1": ACCEPTED, "android 2": ACCEPTED})
    assert on_ios["payload"]["aps"]["badge"] == 1
    assert on_ios["collapse_id"] == notification.id
    assert notification.title in str(on_android["payload"])


def test_one_dead_token_among_hundreds_harms_no_other_and_is_forgotten(apns):
    users = User.objects.bulk_create(User(name=f"Person {n}") for n in range(120))
    for number, user in enumerate(users, start=1):
        register(user, number)
    publish(*users)
    apns.fail("dead_token", match=ios(60))
    send()
    assert Delivery.objects.filter(state=State.SENT).count() == 119
    dead = Delivery.objects.get(state=State.FAILED)
    assert dead.user_id == users[59].id
    assert User.objects.get(id=users[59].id).push_tokens == []
    assert User.objects.exclude(push_tokens=[]).count() == 119


def test_a_410_older_than_the_registration_kills_no_token(alice, apns):
    register(alice, 1)
    publish(alice)
    long_ago = timezone.now() - timedelta(days=30)
    apns.fail("dead_token", match=ios(1), timestamp=int(long_ago.timestamp() * 1000))
    send()
    assert len(User.objects.get(id=alice.id).push_tokens) == 1


def test_a_refused_payload_kills_no_token(alice, apns, fcm):
    register(alice, 1)
    register(alice, 2, platform=Platform.ANDROID)
    publish(alice)
    apns.fail("reject", code="PayloadTooLarge")
    fcm.fail("reject", code="INVALID_ARGUMENT")
    send()
    assert Delivery.objects.get(channel=Channel.PUSH).state == State.FAILED
    assert len(User.objects.get(id=alice.id).push_tokens) == 2


def test_ten_devices_of_one_user_are_each_judged_alone(alice, apns):
    register(alice, *range(1, 11))
    publish(alice)
    apns.fail("dead_token", match=ios(3))
    send()
    push = Delivery.objects.get(channel=Channel.PUSH)
    assert push.state == State.SENT
    assert sorted(push.devices.values()) == [*["Unregistered"], *[ACCEPTED] * 9]
    assert len(User.objects.get(id=alice.id).push_tokens) == 9


def test_a_retry_reaches_only_the_devices_without_an_answer(alice, apns):
    register(alice, 1, 2, 3)
    publish(alice)
    apns.fail("throttle", match=ios(2), retry_after=1)
    send()
    push = Delivery.objects.get(channel=Channel.PUSH)
    assert push.state == State.PENDING
    apns.heal()
    lanes.report_success("push:ios")
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    send()
    push.refresh_from_db()
    assert push.state == State.SENT
    assert sorted(one["token"] for one in apns.shown()) == [ios(1), ios(2), ios(3)]


def test_a_connection_closed_in_mid_batch_is_asked_again_only_for_what_has_no_answer(apns):
    users = User.objects.bulk_create(User(name=f"Person {n}") for n in range(40))
    for number, user in enumerate(users, start=1):
        register(user, number)
    publish(*users)
    apns.fail("reset", match=ios(38), count=1)  # it leaves when others have answered: 32 are under way at once
    send()
    answered = {push.user_id for push in Delivery.objects.filter(channel=Channel.PUSH) if push.devices}
    assert answered
    assert len(answered) < 40
    apns.empty()
    lanes.report_success("push:ios")
    Delivery.objects.filter(state=State.PENDING).update(due_at=timezone.now() - timedelta(seconds=1))
    send()
    asked_again = {one["token"] for one in apns.received()}
    assert asked_again == {ios(number) for number, user in enumerate(users, start=1) if user.id not in answered}
    assert Delivery.objects.filter(state=State.SENT).count() == 40


def test_a_phone_that_changed_hands_shows_nothing_of_its_former_owner(alice, bob, apns):
    register(alice, 1)
    publish(alice)
    push_tokens.register(bob.id, platform=Platform.IOS, token=ios(1), device_id="ios 1")
    send()
    assert apns.received() == []
    assert Delivery.objects.get(channel=Channel.PUSH).reason == "no_push_token"


def test_with_a_provider_down_the_bell_has_it_now_and_the_phone_when_it_is_back(alice, apns):
    register(alice, 1)
    apns.fail("error", status=503)
    publish(alice)
    send()
    assert Notification.objects.filter(user=alice).count() == 1
    push = Delivery.objects.get(channel=Channel.PUSH)
    assert (push.state, push.attempts) == (State.PENDING, 0)
    apns.heal()
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    send()
    assert len(apns.wait_for(1)) == 1


def test_an_outage_of_one_service_keeps_nothing_from_the_other(alice, bob, apns, fcm):
    register(alice, 1)
    register(bob, 2, platform=Platform.ANDROID)
    apns.fail("error", status=503)
    for _ in range(lanes.OUTAGES_TO_CLOSE):
        lanes.report_outage("push:ios")
    publish(alice, bob)
    send()
    assert len(fcm.wait_for(1)) == 1
    states = dict(Delivery.objects.filter(channel=Channel.PUSH).values_list("user_id", "state"))
    assert states == {alice.id: State.PENDING, bob.id: State.SENT}


def test_what_waited_too_long_for_its_provider_is_stale_and_stays_in_the_bell(alice, apns):
    register(alice, 1)
    publish(alice)
    Delivery.objects.update(occurred_at=timezone.now() - timedelta(minutes=16))
    send()
    assert Delivery.objects.get(channel=Channel.PUSH).reason == "stale"
    assert apns.received() == []
    assert Notification.objects.filter(user=alice).exists()


def test_the_sweeper_calls_for_pushes_too(alice, monkeypatch):
    register(alice, 1)
    publish(alice)
    Delivery.objects.update(woken_at=timezone.now() - timedelta(minutes=2))
    monkeypatch.setattr("delivery.dispatch.wake", lambda due: None)
    assert sweeper.sweep() == 1

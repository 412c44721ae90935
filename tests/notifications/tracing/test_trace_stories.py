"""Planted stories of "why didn't she get it?", each by the real code, and the sentence that support pastes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from waffle.models import Switch

from delivery import attempts, digests, suppressions
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.registry import OUTBOUND
from notifications import marking, rejections
from notifications.models import Notification, ReceivedEvent, RejectedEvent
from notifications.sockets import displays
from notifications.tracing import trace
from notifications.tracing.clock import Clock
from preferences import catalog, people, push_tokens, rollout
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import Flag, User
from preferences.push_tokens import Platform
from tests.notifications.published import EVENT, publish

pytestmark = pytest.mark.django_db

TOKEN = f"{7:064x}"
Ask = Callable[..., str]


@pytest.fixture
def ask(client: Client) -> Ask:
    """Asks the admin page and returns its answer."""
    client.force_login(User.objects.create_superuser("admin@example.com", name="Admin"))

    def answer(user: User | str = "", event: str = EVENT) -> str:
        who = str(user.id) if isinstance(user, User) else user
        page = client.get(reverse("admin:trace"), {"event": event, "user": who})
        told = page.context["trace"].answer
        assert escape(told) in page.content.decode()
        return told

    return answer


def choose(user: User, **chosen) -> None:
    people.store_choices(user.id, Choices(**chosen))


def send(channel: Channel) -> Delivery:
    """Have a worker try what is due, and return the one delivery of the channel."""
    due = Delivery.objects.filter(channel=channel, state=State.PENDING)
    attempts.attempt(channel, list(due.values_list("id", flat=True)), OUTBOUND[channel].transport)
    return Delivery.objects.filter(channel=channel).latest("id")


def when() -> str:
    return Clock(UTC).tell(ReceivedEvent.objects.get().occurred_at)


def at(instant: datetime) -> str:
    return Clock(UTC).of(ReceivedEvent.objects.get().occurred_at).tell(instant)


def in_bell() -> str:
    since = at(Notification.objects.get().created_at)
    return f"it has been in the bell since {since}, unread, and no open page has reported showing it"


# --- The twelve ----------------------------------------------------------------------------------------------


def test_preference_off(ask, alice):
    choose(alice, overrides={"comment_added": {Channel.IN_APP: False}})
    publish(alice, type="comment_added")
    assert ask(alice) == (
        f"Alice Moreau did not get “Comment added” ({when()}): "
        "it is not in the bell, because “Comment added” was off for the bell, as they chose; "
        "no mail or push was sent, because “Comment added” was off for mail and push by default."
    )


def test_not_in_rollout(ask, alice, flag_on):
    Flag.objects.update(everyone=False)
    rollout.forget()
    publish(alice)
    assert ask(alice) == (
        f"Alice Moreau did not get “Task assigned to you” ({when()}), "
        "because notifications were not turned on for them yet."
    )


def test_own_action(ask, alice):
    publish(alice, data={"actor": {"id": str(alice.id)}})
    assert ask(alice) == (
        f"Alice Moreau did not get “Task assigned to you” ({when()}), because they did it themselves."
    )


def test_suppressed_address(ask, alice):
    suppressions.add("alice@example.com", SuppressedAddress.Cause.BOUNCE, "Bounce, Permanent, General")
    publish(alice)
    since = at(SuppressedAddress.objects.get().created_at)
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): {in_bell()}; "
        f"no mail was sent, because earlier mail to their address came back for good at {since}; "
        "no push was sent, because no phone of theirs was registered."
    )


def test_dead_token(ask, alice, apns):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="Alice's iPhone")
    publish(alice, type="status_changed")
    apns.fail("dead_token", match=TOKEN)
    push = send(Channel.PUSH)
    assert ask(alice) == (
        f"Alice Moreau got “Status changed” ({when()}): {in_bell()}; "
        "no mail was sent, because “Status changed” was off for mail by default; "
        f"the push failed at {at(push.updated_at)}, "
        "because the app is no longer on the phone, or was installed anew (Unregistered)."
    )


def test_held_in_digest(ask, alice):
    choose(alice, email_digest=DigestFrequency.DAILY)
    publish(alice)
    due = at(Delivery.objects.get().due_at)
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): {in_bell()}; "
        f"the mail waits for the daily digest of {due}, because they chose a daily digest; "
        "no push was sent, because no phone of theirs was registered."
    )


def test_stale(ask, alice):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="iPhone")
    publish(alice, time=(timezone.now() - timedelta(hours=5)).isoformat())
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): {in_bell()}; "
        "no mail was sent, because it was 5 hours old by then, and mail leaves out what is older than 4 hours; "
        "no push was sent, because it was 5 hours old by then, and push leaves out what is older than 15 minutes."
    )


def test_rejected_event(ask, alice):
    publish(alice, type="approval_requested")
    rejected_at = Clock(UTC).tell(RejectedEvent.objects.get().rejected_at)
    assert ask(alice) == (
        f"Event “8f1c2d” of /services/tasks was rejected at {rejected_at}, "
        "because the catalogue has no type 'approval_requested', so nobody has heard of it."
    )


def test_never_published(ask, alice, queue):
    assert ask(alice) == (
        "Event “8f1c2d” has never arrived, and the queue is empty: "
        "its producer has not published it, or has under another id."
    )


def test_provider_down(ask, alice, mailbox):
    publish(alice)
    mailbox.fail("error")
    mail = send(Channel.EMAIL)
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): {in_bell()}; "
        "the mail has not gone out yet, because our mail provider does not answer as it should (ServiceUnavailable), "
        f"and is tried again at {at(mail.due_at)}; "
        "no push was sent, because no phone of theirs was registered."
    )


def test_queued(ask, alice, bob, queue):
    publish(bob)
    ReceivedEvent.objects.update(received_at=timezone.now() - timedelta(seconds=20))
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody="{}")
    assert ask(alice, event="other") == (
        "Event “other” has not arrived yet, but 1 message is waiting in the queue, and it may be among them; "
        "the queue is about 20 seconds behind."
    )


def test_already_read(ask, alice):
    publish(alice)
    row = Notification.objects.get()
    marking.mark_read(alice.id, row.id)
    row.refresh_from_db()
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): "
        f"it has been in the bell since {at(row.created_at)} and was read at {at(row.read_at)}; "
        "no mail was sent, because they had read it in the bell before; "
        "no push was sent, because no phone of theirs was registered."
    )


def test_read_between_two_attempts(ask, alice):
    publish(alice)
    row = Notification.objects.get()
    Delivery.objects.update(state=State.SENDING)  # a worker has it in hand
    marking.mark_read(alice.id, row.id)
    Delivery.objects.update(state=State.PENDING, attempts=1, due_at=timezone.now() + timedelta(minutes=3))
    row.refresh_from_db()
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): "
        f"it has been in the bell since {at(row.created_at)} and was read at {at(row.read_at)}; "
        "the mail goes out no more, because they have read it in the bell since; "
        "no push was sent, because no phone of theirs was registered."
    )
    assert (
        trace.find(EVENT).steps[-1].sentence
        == "The mail goes out no more, because they have read it in the bell since."
    )


# --- And more ------------------------------------------------------------------------------------------------


def test_delivered_fine_and_displayed(ask, alice, mailbox, apns):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="iPhone")
    publish(alice)
    row = Notification.objects.get()
    displays.record({(alice.id, row.id): timezone.now()})
    row.refresh_from_db()
    mail, push = send(Channel.EMAIL), send(Channel.PUSH)
    assert ask(alice) == (
        f"Alice Moreau got “Task assigned to you” ({when()}): "
        f"it has been in the bell since {at(row.created_at)}, was first shown at {at(row.displayed_at)} and is unread; "
        f"a mail went out at {at(mail.sent_at)}; a push went out at {at(push.sent_at)} to 1 phone."
    )


def test_sent_with_a_digest(ask, alice, mailbox):
    choose(alice, email_digest=DigestFrequency.DAILY)
    publish(alice)
    User.objects.update(preferences_changed_at=None)  # else the digest would move to tomorrow
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=5))
    digests.collect()
    digest = send(Channel.EMAIL)
    name, sent_at = f"daily digest of {at(digest.due_at)}", at(digest.sent_at)
    assert f"; a mail with the {name} went out at {sent_at};" in ask(alice)
    name = f"daily digest of {Clock(UTC).tell(digest.due_at)}"
    sent_at = Clock(UTC).of(digest.occurred_at).tell(digest.sent_at)
    assert ask(event=digest.notification_id) == (
        f"The {name} for Alice Moreau gathers 1 notification: a mail went out at {sent_at}."
    )


def test_a_digest_keeps_its_name_through_retries_and_new_choices(ask, alice):
    choose(alice, email_digest=DigestFrequency.DAILY)
    publish(alice)
    User.objects.update(preferences_changed_at=None)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=5))
    digests.collect()
    digest = Delivery.objects.latest("id")
    choose(alice, email_digest=DigestFrequency.HOURLY)
    Delivery.objects.filter(id=digest.id).update(due_at=timezone.now() + timedelta(hours=3))
    assert f"the mail with the daily digest of {at(digest.occurred_at)} is about to go out;" in ask(alice)
    assert ask(event=digest.notification_id).startswith(f"The digest of {Clock(UTC).tell(digest.occurred_at)} for")


def test_a_digest_with_nothing_left_to_say(ask, alice, mailbox):
    choose(alice, email_digest=DigestFrequency.DAILY)
    publish(alice)
    User.objects.update(preferences_changed_at=None)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=5))
    digests.collect()
    choose(alice, overrides={"task_assigned": {Channel.EMAIL: False}}, email_digest=DigestFrequency.DAILY)
    digest = send(Channel.EMAIL)
    assert ask(event=digest.notification_id).endswith(
        "gathers 1 notification: no mail was sent, because they no longer wanted what it gathers."
    )
    assert ask(alice, event=digest.notification_id) == ask(event=digest.notification_id)
    assert ask("bob@example.com", event=digest.notification_id).endswith("is not of “bob@example.com”.")


def test_a_suppression_that_was_lifted_since(ask, alice):
    suppressions.add("alice@example.com", SuppressedAddress.Cause.MANUAL)
    publish(alice)
    SuppressedAddress.objects.all().delete()
    assert "no mail was sent, because all mail to their address was stopped then;" in ask(alice)


def test_unknown_user(ask, alice):
    publish(alice, data={"recipients": [str(alice.id), "usr_00000000000000000000000000000009", "user 17"]})
    assert ask("usr_00000000000000000000000000000009") == (
        f"usr_00000000000000000000000000000009 did not get “Task assigned to you” ({when()}), "
        "because nobody had this account."
    )
    assert ask("user 17") == (f"“user 17” did not get “Task assigned to you” ({when()}), because that is no user id.")


def test_inactive_user(ask, alice):
    User.objects.filter(id=alice.id).update(is_active=False)
    publish(alice)
    assert ask(alice) == (
        f"Alice Moreau did not get “Task assigned to you” ({when()}), because their account was closed."
    )


def test_not_among_the_recipients(ask, alice, bob):
    publish(alice)
    assert ask(bob) == (
        f"Bob Okafor did not get “Task assigned to you” ({when()}), because /services/tasks named only somebody else."
    )


def test_switched_off(ask, alice, bob, queue):
    publish(alice)
    Switch.objects.update(active=True)
    rollout.forget()
    queue._sqs.call("SendMessage", QueueUrl=queue.url, MessageBody="{}")
    assert "the mail waits, because notifications are switched off for everybody;" in ask(alice)
    assert ask(alice, event="other").endswith("nothing moves, because notifications are switched off for everybody.")


def test_bounced(ask, alice, mailbox):
    publish(alice)
    mail = send(Channel.EMAIL)
    now = timezone.now()
    Delivery.objects.update(state=State.BOUNCED, provider_error="Bounce, Permanent, General", updated_at=now)
    assert (
        f"a mail went out at {at(mail.sent_at)} and came back at {at(now)}, "
        "because their address does not exist, or takes no mail (Bounce, Permanent, General);"
    ) in ask(alice)


def test_replayed(ask, alice, monkeypatch):
    publish(alice, type="approval_requested")
    monkeypatch.setitem(catalog.CATALOG, "approval_requested", catalog.CATALOG["mentioned"])
    rejections.replay(RejectedEvent.objects.get())
    assert ask(alice).startswith(f"Alice Moreau got “You were mentioned” ({when()}): {in_bell()};")

import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from notifications import pipeline, rejections
from notifications.models import Notification, Path, ReceivedEvent, RejectedEvent
from preferences import catalog
from preferences.models import User
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db


@pytest.fixture
def new_type(monkeypatch):
    """A type that producers publish before we know it; calling it is our fix."""
    known = catalog.CATALOG["mentioned"]
    return lambda: monkeypatch.setitem(catalog.CATALOG, "approval_requested", known)


@pytest.fixture
def rejected(alice) -> RejectedEvent:
    pipeline.process([message(event_for(alice, type="approval_requested"))], path=Path.SQS)
    return RejectedEvent.objects.get()


def test_a_replay_after_the_fix_stores_the_notification(rejected, new_type):
    new_type()
    assert rejections.replay(rejected)
    assert Notification.objects.count() == 1
    assert ReceivedEvent.objects.get().path == Path.REPLAY
    assert RejectedEvent.objects.get().replayed_at


def test_a_replay_without_a_fix_is_rejected_again_and_stays_one_row(rejected):
    assert not rejections.replay(rejected)
    assert RejectedEvent.objects.get().replayed_at is None


def test_a_replay_twice_doubles_nothing(rejected, new_type):
    new_type()
    assert rejections.replay(rejected)
    assert rejections.replay(rejected)
    assert Notification.objects.count() == 1


def test_the_same_bad_body_twice_is_kept_once(rejected):
    pipeline.process([message(bytes(rejected.body).decode())], path=Path.SQS)
    assert RejectedEvent.objects.count() == 1


def test_the_command_replays_what_waits(rejected, new_type, capsys):
    new_type()
    call_command("replay_rejected")
    assert capsys.readouterr().out == "1 accepted.\n"
    call_command("replay_rejected")
    assert capsys.readouterr().out == "0 accepted.\n"


def test_a_dry_run_of_the_command_touches_nothing(rejected, new_type, capsys):
    new_type()
    call_command("replay_rejected", dry_run=True)
    assert capsys.readouterr().out == "1 rejected events would be processed.\n"
    assert not Notification.objects.exists()


def test_the_command_fails_when_something_is_rejected_again(rejected):
    with pytest.raises(CommandError, match="1 rejected again"):
        call_command("replay_rejected", reason="unknown_type")


def test_the_admin_shows_body_and_reason_and_replays(rejected, new_type, client):
    client.force_login(User.objects.create_superuser("admin@example.com", name="Admin"))
    page = client.get(reverse("admin:notifications_rejectedevent_change", args=[rejected.id]))
    assert "approval_requested" in page.content.decode()
    new_type()
    chosen = {"action": "replay", "_selected_action": [rejected.id]}
    client.post(reverse("admin:notifications_rejectedevent_changelist"), chosen)
    assert Notification.objects.count() == 1


def test_nothing_in_a_rejected_body_is_html_in_the_admin(client):
    pipeline.process([message(json.dumps({"id": "<script>alert(1)</script>"}))], path=Path.SQS)
    client.force_login(User.objects.create_superuser("admin@example.com", name="Admin"))
    page = client.get(reverse("admin:notifications_rejectedevent_change", args=[RejectedEvent.objects.get().id]))
    assert "<script>alert(1)" not in page.content.decode()

import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from waffle.models import Switch

from notifications import pipeline, records, rejections
from notifications.events import Rejected
from notifications.models import Notification, Path, ReceivedEvent, RejectedEvent, Rejection
from preferences import catalog, rollout
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


@pytest.fixture
def killed(db) -> None:
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)
    rollout.forget()


@pytest.mark.usefixtures("killed")
def test_under_the_kill_switch_nothing_is_replayed(rejected, new_type, client):
    new_type()
    with pytest.raises(CommandError, match="kill switch is on"):
        call_command("replay_rejected")
    client.force_login(User.objects.create_superuser("ada@example.com", name="Ada"))
    page = client.post(reverse("admin:notifications_rejectedevent_replay", args=[rejected.id]), follow=True)
    assert "Replay it after the release" in page.content.decode()
    assert not ReceivedEvent.objects.exists()
    assert RejectedEvent.objects.get().replayed_at is None


def test_a_replay_without_a_fix_is_rejected_again_and_stays_one_row(rejected):
    assert not rejections.replay(rejected)
    assert RejectedEvent.objects.get().replayed_at is None


def test_a_rejected_event_is_known_by_source_and_id(rejected):
    assert (rejected.source, rejected.event_id) == ("/services/tasks", "8f1c2d")


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ('{"id": "8f1c2d"}', ("", "8f1c2d")),
        ('{"id": 8, "source": ["/tests"]}', ("", "")),
        ('{"id": "8f\\u0000\\ud8001c2d", "source": "/tests"}', ("/tests", "8f1c2d")),
        (json.dumps({"id": "x" * 300}), ("", "x" * 255)),
        ("[8]", ("", "")),
        ("no JSON", ("", "")),
    ],
)
def test_source_and_id_are_kept_as_far_as_they_can_be_read(db, body, known):
    pipeline.process([message(body)], path=Path.SQS)
    assert RejectedEvent.objects.values_list("source", "event_id").get() == known


def test_an_event_on_which_the_pipeline_fails_is_known_too(alice, monkeypatch):
    monkeypatch.setattr(pipeline, "render_event", lambda *_: 1 / 0)
    pipeline.process([message(event_for(alice))], path=Path.SQS)
    rejected = RejectedEvent.objects.get()
    assert (rejected.reason, rejected.source, rejected.event_id) == ("internal_error", "/services/tasks", "8f1c2d")


def test_a_replay_twice_doubles_nothing(rejected, new_type):
    new_type()
    assert rejections.replay(rejected)
    assert rejections.replay(rejected)
    assert Notification.objects.count() == 1


def test_what_is_pruned_during_its_own_replay_was_accepted_all_the_same(rejected, new_type, monkeypatch):
    new_type()
    process = pipeline.process

    def prune_meanwhile(*arguments, **options):
        RejectedEvent.objects.all().delete()
        return process(*arguments, **options)

    monkeypatch.setattr(pipeline, "process", prune_meanwhile)
    assert rejections.replay(rejected)
    assert Notification.objects.count() == 1


def test_the_same_bad_body_twice_is_kept_once(rejected):
    pipeline.process([message(bytes(rejected.body).decode())], path=Path.SQS)
    assert RejectedEvent.objects.count() == 1


def test_the_command_replays_what_waits(rejected, new_type, capsys):
    new_type()
    call_command("replay_rejected")
    assert capsys.readouterr().out.split() == ["accepted:", "1", "rejected", "again:", "0"]
    call_command("replay_rejected")
    assert capsys.readouterr().out.split() == ["accepted:", "0", "rejected", "again:", "0"]


def test_a_number_that_no_rejected_event_has_is_told_and_nothing_is_replayed(rejected, new_type):
    new_type()
    with pytest.raises(CommandError, match="No rejected event has the number 999"):
        call_command("replay_rejected", str(rejected.id), "999")
    assert not Notification.objects.exists()


def test_a_number_that_was_replayed_before_is_told(rejected, new_type, capsys):
    new_type()
    call_command("replay_rejected", str(rejected.id))
    capsys.readouterr()
    call_command("replay_rejected", str(rejected.id))
    assert capsys.readouterr().out.startswith(f"Accepted by an earlier replay: {rejected.id}.\naccepted:")


def test_what_a_service_may_not_publish_is_replayed_by_name_alone(alice):
    body = json.dumps(event_for(alice)).encode()
    forged = Rejected(Rejection.FORBIDDEN_SOURCE, "", body, source="/services/tasks", event_id="e")
    records.record_rejections([forged], Path.HTTP)
    call_command("replay_rejected")
    assert not Notification.objects.exists()
    call_command("replay_rejected", reason="forbidden_source")
    assert Notification.objects.count() == 1


def test_a_dry_run_of_the_command_touches_nothing(rejected, new_type, capsys):
    new_type()
    call_command("replay_rejected", dry_run=True)
    assert capsys.readouterr().out.endswith("1 rejected events would be processed.\n")
    assert not Notification.objects.exists()


def test_the_command_fails_when_something_is_rejected_again(rejected):
    with pytest.raises(CommandError, match="1 rejected again"):
        call_command("replay_rejected", reason="unknown_type")


def test_the_admin_shows_the_reason_and_replays(rejected, new_type, client):
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
    page = client.post(reverse("admin:notifications_rejectedevent_body", args=[RejectedEvent.objects.get().id]))
    assert "<script>alert(1)" not in page.content.decode()
    assert "&lt;script&gt;alert(1)" in page.content.decode()

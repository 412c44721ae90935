import re
from datetime import timedelta
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils import timezone

from delivery.models import Delivery, State
from notifications import rejections
from notifications.models import Notification, Path, ReceivedEvent, RejectedEvent, Rejection
from notifications.upkeep import retention
from preferences.catalog import Channel
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def run(capsys):
    """Runs a command as from a shell; returns its report, counts by their words."""

    def run(*words: str) -> dict[str, int]:
        call_command(*words)
        lines = re.findall(r"^(.+): +([\d,]+)$", capsys.readouterr().out, re.MULTILINE)
        return {word: int(count.replace(",", "")) for word, count in lines}

    return run


# --- prune_notifications ---------------------------------------------------------------------------------------


def old_event() -> ReceivedEvent:
    long_ago = timezone.now() - timedelta(days=31)
    return ReceivedEvent.objects.create(
        source="/tests", event_id=str(uuid4()), type="mentioned", occurred_at=long_ago, received_at=long_ago,
        path=Path.SQS, payload={},
    )  # fmt: skip


def test_pruning_reports_every_table_and_is_done_once(run):
    for _ in range(3):
        old_event()
    nothing = dict.fromkeys(retention.TABLES, 0)
    assert run("prune_notifications", "--batch-size", "2") == {**nothing, "received_events": 3}
    assert run("prune_notifications") == nothing


def test_a_dry_run_of_pruning_changes_nothing(run):
    old_event()
    assert run("prune_notifications", "--dry-run")["received_events"] == 1
    assert ReceivedEvent.objects.exists()


def test_an_interrupted_command_says_how_to_go_on(monkeypatch):
    def interrupt(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "prune", interrupt)
    with pytest.raises(CommandError, match="Run it again to go on") as stopped:
        call_command("prune_notifications")
    assert stopped.value.returncode == 130


@pytest.mark.parametrize(
    ("command", "work"),
    [
        (["prune_notifications"], "notifications.upkeep.retention.prune"),
        (["retry_deliveries"], "delivery.retries.retry_in_batches"),
        (["replay_rejected"], "notifications.rejections.replay_all"),
        (["erase_user", "alice@example.com", "--no-input"], "notifications.upkeep.erasure.erase"),
        (["export_user_data", "alice@example.com"], "notifications.upkeep.export.write"),
        (["audit_notifications"], "notifications.auditing.audit.stages"),
    ],
)
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OperationalError("server closed the connection"), "PostgreSQL is away (OperationalError)."),
        (InterfaceError("connection already closed"), "PostgreSQL is away (InterfaceError)."),
        (EndpointConnectionError(endpoint_url="http://sqs"), "SQS: EndpointConnectionError."),
        (ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessage"), "SQS: QueueDoesNotExist."),
    ],
)
def test_a_command_that_loses_a_server_says_which_and_how_to_go_on(alice, monkeypatch, command, work, error, sentence):
    def break_off(*_, **__):
        raise error

    monkeypatch.setattr(work, break_off)
    with pytest.raises(CommandError) as stopped:
        call_command(*command)
    assert str(stopped.value) == f"{sentence} Run it again to go on."
    assert stopped.value.returncode == 1


def test_a_fault_of_ours_keeps_its_stack_trace(monkeypatch):
    def fail(**_):
        raise ProgrammingError

    monkeypatch.setattr(retention, "prune", fail)
    with pytest.raises(ProgrammingError):
        call_command("prune_notifications")


# --- retry_deliveries ------------------------------------------------------------------------------------------


def failed(user, **changes) -> Delivery:
    return delivery(user, **{"state": State.FAILED, "provider_error": "MessageRejected", **changes})


def test_all_that_failed_is_retried_and_counted(alice, run):
    mails = [failed(alice), failed(alice, occurred_at=timezone.now() - 5 * HOUR), delivery(alice, state=State.SENT)]
    assert run("retry_deliveries", "--batch-size", "1") == {"called": 1, "too old": 1, "not failed": 0}
    assert states(*mails) == [State.PENDING, State.FAILED, State.SENT]


def test_a_dry_run_of_a_retry_changes_nothing(alice, run):
    mail = failed(alice)
    assert run("retry_deliveries", "--dry-run") == {"called": 1, "too old": 0, "not failed": 0}
    assert states(mail) == [State.FAILED]


@pytest.mark.parametrize(
    "words",
    [
        ["--channel", "email"],
        ["--since", "2h"],
        ["--error", "MessageRejected"],
        ["--user", "ALICE@example.com"],
        ["--channel", "email", "--since", "2h", "--error", "MessageRejected", "--user", "alice@example.com"],
    ],
)
def test_only_what_was_named_is_retried(alice, bob, run, words):
    mail = failed(alice)
    others = [
        failed(bob, channel=Channel.PUSH, provider_error="BadTopic", updated_at=timezone.now() - 3 * HOUR)
        for _ in range(2)
    ]
    assert run("retry_deliveries", *words)["called"] == 1
    assert states(mail, *others) == [State.PENDING, State.FAILED, State.FAILED]


def test_deliveries_are_named_by_number(alice, run):
    mail, sent, other = failed(alice), delivery(alice, state=State.SENT), failed(alice)
    counts = run("retry_deliveries", str(mail.id), str(sent.id))
    assert counts == {"called": 1, "too old": 0, "not failed": 1}
    assert states(other) == [State.FAILED]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["12"], "No delivery has the number 12"),
        (["12", "--channel", "push"], "by their numbers, or by what they have in common"),
        (["--user", "nobody@example.com"], "Nobody is known as nobody@example.com"),
        (["--channel", "in_app"], "invalid choice"),
        (["--since", "yesterday"], "'yesterday' is no duration"),
        (["--since", "999999d"], "'999999d' is no duration"),  # the calendar ends before
        (["--batch-size", "0"], "invalid positive value"),
    ],
)
def test_a_slip_of_the_pen_retries_nothing(alice, words, fault):
    mail = failed(alice)
    with pytest.raises(CommandError, match=fault):
        call_command("retry_deliveries", *words)
    assert states(mail) == [State.FAILED]


# --- replay_rejected -------------------------------------------------------------------------------------------


def rejected(body: str) -> RejectedEvent:
    return RejectedEvent.objects.create(
        reason=Rejection.INTERNAL_ERROR, detail="", body=body.encode(), body_digest=uuid4().bytes, path=Path.SQS
    )


def test_everything_that_waits_is_replayed_across_batches(alice, run):
    for number in range(5):
        rejected(message(event_for(alice, id=str(number))).body)
    assert run("replay_rejected", "--batch-size", "2") == {"accepted": 5, "rejected again": 0}
    assert Notification.objects.count() == 5


def test_what_is_rejected_again_fails_the_command_after_all_others(alice, capsys):
    rejected("no JSON")
    rejected(message(event_for(alice)).body)
    with pytest.raises(CommandError, match="1 rejected again"):
        call_command("replay_rejected")
    assert "accepted:" in capsys.readouterr().out
    assert Notification.objects.count() == 1


def test_a_replay_that_is_killed_goes_on_where_it_was(alice, run):
    for number in range(3):
        rejected(message(event_for(alice, id=str(number))).body)
    assert next(rejections.replay_all(RejectedEvent.objects.filter(replayed_at=None)))
    assert run("replay_rejected") == {"accepted": 2, "rejected again": 0}


def test_what_a_replay_rejects_anew_is_not_replayed_in_the_same_run(alice):
    rejected(message(event_for(alice), {"id": "bad"}).body)
    assert list(rejections.replay_all(RejectedEvent.objects.filter(replayed_at=None))) == [False]
    assert RejectedEvent.objects.count() == 2

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from delivery.sqs import SqsClient
from devstack.waiting import wait_until
from notifications import pipeline
from notifications.event_queue import Depth, EventQueue
from notifications.models import Notification, Path
from notifications.pipeline import Message
from notifications.upkeep import dead_letters
from notifications.upkeep.dead_letters import Redriven
from tests.cloudevents import event_for, message

AT_ONCE = timedelta(0)
Call = Callable[..., Any]


@pytest.fixture
def dead(queue: EventQueue) -> EventQueue:
    return queue.dead_letters()


def die(dead: EventQueue, *bodies: str) -> None:
    assert all(dead.send(bodies))


def redrive(queue: EventQueue, **options) -> Redriven:
    return sum(dead_letters.redrive(queue, **options), Redriven())


def bodies(queue: EventQueue) -> list[str]:
    found: list[str] = []
    while received := queue.receive(wait=AT_ONCE):
        found += [one.body for one in received]
    return sorted(found)


def intercept(monkeypatch: pytest.MonkeyPatch, operation: str, instead: Callable[[Call, dict[str, Any]], Any]) -> None:
    """Have SQS answer an operation as `instead` does, which gets the real call and the parameters."""
    call = SqsClient.call

    def answer(client: SqsClient, name: str, **parameters: Any) -> Any:
        real = lambda **changed: call(client, name, **changed)  # noqa: E731 - the call as it would have been
        return instead(real, parameters) if name == operation else real(**parameters)

    monkeypatch.setattr(SqsClient, "call", answer)


def refuse_the_first(real: Call, parameters: dict[str, Any]) -> Any:
    first, *others = parameters["Entries"]
    answer = real(**{**parameters, "Entries": others}) if others else {}
    return {**answer, "Failed": [{"Id": first["Id"], "Code": "InternalError", "SenderFault": False}]}


def break_down(*_: Any) -> Any:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_all_dead_letters_come_back_as_they_were(queue, dead):
    sent = sorted(f'{{"number": {number}, "name": "Zoë 🎈"}}' for number in range(25))
    die(dead, *sent)
    assert redrive(queue) == Redriven(sent=25)
    assert bodies(queue) == sent
    assert dead.depth() == Depth(0, 0)


def test_no_more_come_back_than_were_asked_for(queue, dead):
    die(dead, *map(str, range(15)))
    assert redrive(queue, most=12) == Redriven(sent=12)
    assert wait_until(lambda: dead.depth() == Depth(3, 0), seconds=5)


def test_without_dead_letters_there_is_nothing_to_do(queue):
    assert list(dead_letters.redrive(queue)) == []


def test_what_sqs_refuses_stays_dead(queue, dead, monkeypatch):
    die(dead, *map(str, range(10)))
    intercept(monkeypatch, "SendMessageBatch", refuse_the_first)
    assert redrive(queue) == Redriven(sent=9, refused=1)
    assert len(bodies(queue)) == 9
    assert dead.depth() == Depth(0, 1)


def test_a_queue_that_refuses_everything_ends_it(queue, dead, monkeypatch):
    die(dead, *map(str, range(12)))
    intercept(monkeypatch, "SendMessageBatch", lambda *_: {"Failed": []})
    assert redrive(queue) == Redriven(refused=10)


def test_nothing_is_deleted_before_it_is_sent(queue, dead, monkeypatch):
    die(dead, "one")
    intercept(monkeypatch, "SendMessageBatch", break_down)
    with pytest.raises(EndpointConnectionError):
        redrive(queue)
    assert dead.depth() == Depth(0, 1)


def test_what_could_not_be_deleted_is_counted_and_comes_twice(queue, dead, monkeypatch, settings: Settings):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=1)
    die(dead, "one")
    with monkeypatch.context() as patch:
        intercept(patch, "DeleteMessageBatch", lambda _, asked: {"Failed": [{"Id": e["Id"]} for e in asked["Entries"]]})
        assert next(dead_letters.redrive(queue)) == Redriven(sent=1, undeleted=1)
    assert redrive(queue) == Redriven(sent=1)
    assert bodies(queue) == ["one", "one"]


def test_what_died_since_the_beginning_is_left(queue, dead, monkeypatch):
    begin = timezone.now() - timedelta(milliseconds=1)  # SQS keeps whole ones
    die(dead, "again")
    monkeypatch.setattr(timezone, "now", lambda: begin)
    assert redrive(queue) == Redriven()


def test_large_messages_are_sent_in_requests_that_sqs_takes(queue, dead, monkeypatch):
    asked: list[int] = []
    die(dead, *(letter * 400_000 for letter in "abc"))

    def note(real: Call, parameters: dict[str, Any]) -> Any:
        asked.append(sum(len(entry["MessageBody"]) for entry in parameters["Entries"]))
        return real(**parameters)

    intercept(monkeypatch, "SendMessageBatch", note)
    assert redrive(queue) == Redriven(sent=3)
    assert sorted(asked) == [400_000, 800_000]


@pytest.mark.django_db
def test_what_was_accepted_before_it_died_is_not_doubled(queue, alice):
    sent = message(event_for(alice))
    pipeline.process([sent], path=Path.SQS)
    queue.send([sent.body])
    for _ in range(5):
        (received,) = queue.receive()
        queue.put_back([received.receipt])
    assert not queue.receive(wait=AT_ONCE)
    assert wait_until(lambda: dead_letters.count(queue) == 1, seconds=5)
    assert redrive(queue) == Redriven(sent=1)
    (back,) = queue.receive()
    pipeline.process([Message(back.body, sent_at=back.sent_at)], path=Path.SQS)
    assert Notification.objects.count() == 1


# --- The command -----------------------------------------------------------------------------------------------


def test_the_command_reports(queue, dead, capsys):
    die(dead, *map(str, range(3)))
    call_command("redrive_dead_letters", "--limit", "2")
    assert capsys.readouterr().out.split() == ["sent", "again:", "2", "refused", "by", "SQS:", "0"]


def test_a_dry_run_says_how_many_there_are(queue, dead, capsys):
    die(dead, *map(str, range(3)))
    call_command("redrive_dead_letters", "--dry-run")
    assert "about 3 dead letters" in capsys.readouterr().out
    assert dead.depth() == Depth(3, 0)


def test_the_command_fails_when_something_was_refused(queue, dead, monkeypatch):
    die(dead, "one")
    intercept(monkeypatch, "SendMessageBatch", refuse_the_first)
    with pytest.raises(CommandError, match="a dead letter still"):
        call_command("redrive_dead_letters")


def test_the_command_says_what_was_sent_before_sqs_went_away(queue, dead, monkeypatch):
    die(dead, *map(str, range(20)))
    answers = iter([lambda real, asked: real(**asked), break_down])
    intercept(monkeypatch, "SendMessageBatch", lambda *call: next(answers)(*call))
    with pytest.raises(CommandError, match=r"SQS: EndpointConnectionError\. 10 were sent again by then\. Run it again"):
        call_command("redrive_dead_letters")
    assert len(bodies(queue)) == 10


def test_a_dry_run_without_sqs_promises_no_going_on(monkeypatch):
    monkeypatch.setattr(dead_letters, "count", break_down)
    with pytest.raises(CommandError, match=r"SQS: EndpointConnectionError\. Run it again\.$"):
        call_command("redrive_dead_letters", "--dry-run")


def test_the_command_names_what_sqs_says_of_a_queue_that_is_not_there(settings: Settings):
    settings.EVENTS_QUEUE_NAME, settings.EVENTS_QUEUE_URL = "nowhere", ""
    with pytest.raises(CommandError, match=r"SQS: .*QueueDoesNotExist") as refused:
        call_command("redrive_dead_letters")
    assert isinstance(refused.value.__cause__, ClientError)

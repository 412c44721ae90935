import ast
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError
from django.test import Client

from notifications import pipeline
from notifications.models import Path as EventPath
from notifications_producer import Event, Producer
from preferences.models import User
from telemetry import log_errors, logs
from tests.cloudevents import event_for, message
from tests.telemetry.world import SECRETS, World

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("delivery", "notifications", "notifications_producer", "notifications_project", "preferences", "telemetry")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
#: What Datadog takes for something of its own. `trace_id` is what it says; the rest the formatter itself writes.
RESERVED = {"host", "source", "service", "status", "message", "timestamp", "logger", "http", "version", "env"}


class Log:
    """What was written as JSON since the test began."""

    def __init__(self, stream: StringIO, handler: logging.Handler) -> None:
        self._stream = stream
        self.handler = handler

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self, message: str = "") -> list[dict[str, Any]]:
        written = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in written if message in ("", line["message"])]


@pytest.fixture
def log() -> Iterator[Log]:
    """Everything that any logger says, DEBUG too."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines(static_fields={"service": "notifications", "process": "test"}))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)  # those that settings.LOGGING quiets stay quiet
    yield Log(stream, handler)
    root.setLevel(level)
    root.removeHandler(handler)


def ours() -> logging.Logger:
    return logging.getLogger("notifications.somewhere")


# --- One line ------------------------------------------------------------------------------------------------


def test_a_line_has_the_names_that_datadog_knows(log: Log):
    ours().warning("lane closed", extra={"lane": "push:ios"})
    [line] = log.lines("lane closed")
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {
        "status": "warning",
        "message": "lane closed",
        "logger": {"name": "notifications.somewhere", "thread_name": "MainThread"},
        "service": "notifications",
        "process": "test",
        "lane": "push:ios",
    }


def test_a_field_without_a_meaning_is_left_out(log: Log):
    ours().warning("lane closed", extra={"lane": "email", "address": "zoraida@example.org", "attempts": None})
    [line] = log.lines("lane closed")
    assert line["lane"] == "email"
    assert not {"address", "attempts"} & line.keys()


def test_an_error_tells_its_kind_and_places_and_never_its_text(log: Log):
    try:
        try:
            raise KeyError("Zoraida")
        except KeyError as error:
            raise ValueError("Quintanilla") from error
    except ValueError:
        ours().exception("event could not be read")
    [line] = log.lines("event could not be read")
    assert line["error"]["kind"] == "ValueError"
    assert line["error"]["place"].startswith("tests/telemetry/test_logs.py:")
    assert line["error"]["stack"].index("KeyError\n") < line["error"]["stack"].index("ValueError\n")


@pytest.mark.django_db
def test_an_error_of_postgresql_tells_its_code_and_constraint(alice: User, log: Log):
    try:
        User.objects.create(id=alice.id, email="second@example.com", name="Second")
    except IntegrityError:
        ours().exception("event could not be read")
    [line] = log.lines("event could not be read")
    assert line["error"]["sqlstate"] == "23505"
    assert line["error"]["constraint"] == "users_pkey"
    assert str(alice.id) not in log.text


def test_an_error_that_is_only_named_is_its_kind(log: Log):
    ours().warning("no worker called", extra={"error": "EndpointConnectionError"})
    assert log.lines("no worker called")[0]["error"] == {"kind": "EndpointConnectionError"}


def test_what_fills_a_librarys_message_is_left_out(log: Log):
    logging.getLogger("some.library").warning("Cannot send to %s: %s\nmore", "zoraida@example.org", OSError("Zoraida"))
    [line] = log.lines("Cannot send to %s: %s")
    assert line["error"]["kind"] == "OSError"
    assert "oraida" not in log.text


def test_a_request_that_fails_names_its_route_and_not_its_path(log: Log):
    Client().get("/email/unsubscribe/token-planted")
    Client().get("/api/v1/notifications/ntf_planted")
    assert "planted" not in log.text
    routes = [line["http"]["route"] for line in log.lines() if "http" in line]
    assert "email/unsubscribe/<str:token>" in routes


def test_a_request_for_a_foreign_host_does_not_name_it(log: Log):
    assert Client().get("/admin/", headers={"host": "zoraida.example"}).status_code == 400
    (line,) = log.lines("request refused")
    assert (line["status"], line["error"]["kind"]) == ("error", "DisallowedHost")
    assert "zoraida" not in log.text


def test_what_django_finds_suspicious_is_not_quoted(log: Log):
    logging.getLogger("django.security.DisallowedModelAdminLookup").error("Filtering by zoraida not allowed")
    assert [line["message"] for line in log.lines()] == ["request refused"]


def test_a_warning_keeps_its_words(log: Log):
    logging.getLogger("py.warnings").warning("%s", "settings.py:3: UserWarning: No directory at: static")
    assert "No directory" in log.text


def test_plain_lines_of_the_demo_show_what_an_error_says(caplog: pytest.LogCaptureFixture):
    try:
        raise ValueError("Zoraida")
    except ValueError:
        logging.getLogger("some.library").exception("Cannot send to %s", "zoraida@example.org")
    [record] = caplog.records
    shown = logs.PlainLines(with_texts=True).format(record)
    assert shown.startswith("ERROR some.library Cannot send to zoraida@example.org\nTraceback")
    assert shown.endswith("ValueError: Zoraida")
    del record.exc_text  # which that formatter keeps for the next one
    assert logs.PlainLines().format(record).endswith("ValueError")


def test_plain_lines_show_the_fields(caplog: pytest.LogCaptureFixture):
    ours().warning("lane closed", extra={"lane": "push:ios"})
    [record] = caplog.records
    assert logs.PlainLines().format(record) == "WARNING notifications.somewhere lane closed lane=push:ios"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/venv/bin/uvicorn", "notifications_project.asgi:application"], "web"),
        (["manage.py", "consume_events"], "intake"),
        (["manage.py", "migrate"], "migrate"),
        (["/venv/bin/celery", "--quiet", "-A", "x", "worker", "--hostname", "email@%h"], "email"),
        (["celery", "-A", "x", "beat", "--scheduler", "celery.beat:Scheduler"], "beat"),
    ],
)
def test_a_process_knows_its_name(command: Sequence[str], name: str):
    assert logs.process_name(command) == name


def test_the_place_of_an_error_is_our_innermost_line():
    try:
        json.loads("{")
    except ValueError as error:
        found = log_errors.place(error)
    assert found.startswith("tests/telemetry/test_logs.py:")


# --- What our own calls say ------------------------------------------------------------------------------------


def calls_of_loggers() -> Iterator[tuple[str, ast.Call]]:
    for path in (path for package in SHIPPED for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in LEVELS and ast.unparse(node.func.value) == "logger":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_message_is_constant():
    calls = list(calls_of_loggers())
    assert len(calls) > 20
    wrong = [
        where for where, call in calls if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant | ast.Name)
    ]
    assert wrong == []
    names = {call.args[0].id for _, call in calls if isinstance(call.args[0], ast.Name)}
    assert names <= {"message"}  # of event_log._each, whose callers give constants


def test_every_field_has_a_meaning():
    unknown = [
        (where, key.value)
        for where, call in calls_of_loggers()
        for extra in (keyword.value for keyword in call.keywords if keyword.arg == "extra")
        if isinstance(extra, ast.Dict)
        for key in extra.keys
        if isinstance(key, ast.Constant) and key.value not in logs.FIELDS
    ]
    assert unknown == []


def test_no_field_has_a_name_that_datadog_or_python_takes_for_something_else():
    record = logging.makeLogRecord({}).__dict__
    assert not logs.FIELDS.keys() & (RESERVED | record.keys())


# --- One id from the queue to the provider ---------------------------------------------------------------------


def test_an_event_that_makes_us_fail_is_followed_by_its_id(alice: User, log: Log, monkeypatch: pytest.MonkeyPatch):
    def break_down(*_: Any, **__: Any) -> None:
        raise ValueError("Zoraida")

    monkeypatch.setattr(pipeline, "render_event", break_down)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    pipeline.process([message(event_for(alice, id="evt-1", traceparent=traceparent))], path=EventPath.SQS)
    failed, rejected = log.lines("event failed")[0], log.lines("event rejected")[0]
    for line in (failed, rejected):
        assert (line["event_id"], line["event_source"]) == ("evt-1", "/services/tasks")
        assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert failed["error"] == {"kind": "ValueError"}
    assert failed["place"].startswith("tests/telemetry/test_logs.py:")  # the line above that raises
    assert rejected["reason"] == "internal_error"
    assert "Zoraida" not in log.text


def test_a_bad_event_is_named_as_far_as_it_can_be_read(log: Log, db: None):
    pipeline.process([message({"id": "evt-2", "specversion": "0.3"}), message("not JSON")], path=EventPath.SQS)
    first, second = log.lines("event rejected")
    assert (first["event_id"], first["reason"]) == ("evt-2", "wrong_shape")
    assert "event_id" not in second


@pytest.mark.parametrize(("log_events", "stages"), [(True, ["event received", "event stored"]), (False, [])])
def test_stages_are_told_only_when_they_are_asked_for(alice: User, log: Log, settings, log_events, stages):
    settings.LOG_EVENTS = log_events
    pipeline.process([message(event_for(alice, id="evt-3"))], path=EventPath.SQS)
    assert [line["message"] for line in log.lines() if line.get("event_id") == "evt-3"] == stages


def test_a_batch_that_postgresql_would_not_take_names_its_events(
    alice: User, log: Log, monkeypatch: pytest.MonkeyPatch
):
    def be_away(*_: Any) -> None:
        raise OperationalError("could not connect to zoraida.example.org")

    monkeypatch.setattr(pipeline, "_store_together", be_away)
    with pytest.raises(OperationalError):
        pipeline.process([message(event_for(alice, id=str(number))) for number in range(2)], path=EventPath.SQS)
    [line] = log.lines("events are tried again")
    assert (line["events"], line["event_ids"]) == (2, ["0", "1"])


def test_a_producer_names_what_it_hands_over(queue, settings, log: Log):
    event = Event(type="mentioned", source="/services/tasks", recipients=["usr_00000000000000000000000000000001"])
    Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL).publish(event)
    [line] = log.lines("event published")
    assert (line["event_id"], line["event_source"], line["path"]) == (event.id, event.source, "sqs")


# --- Nobody's data -----------------------------------------------------------------------------------------------


@pytest.fixture
def world(transactional_db, flag_on, queue, mailbox, apns, monkeypatch) -> World:
    user = User.objects.create_user("zoraida.quintanilla@example.org", name="Zoraida Quintanilla")
    return World(user, queue, monkeypatch)


def test_no_line_tells_of_anybody(world: World, log: Log, settings):
    settings.LOG_EVENTS = True
    world.live()
    assert {"event rejected", "delivery failed", "delivery sent", "mail reported on"} <= {
        line["message"] for line in log.lines()
    }
    ids = {"evt-planted", "/services/tasks"}  # of producers, and no person's
    personal = [*(secret for secret in SECRETS if secret not in ids), str(world.user.id), world.user.id.hex]
    without_ids = "\n".join(json.dumps(_without_producers_words(line)) for line in log.lines())
    assert [secret for secret in personal if secret in without_ids] == []


def test_a_plain_line_tells_of_nobody_either(world: World, log: Log, settings):
    settings.LOG_EVENTS = True
    log.handler.setFormatter(logs.PlainLines())
    world.live()
    assert "WARNING notifications.event_log event rejected event_id=evt-planted" in log.text
    personal = {*SECRETS, str(world.user.id), world.user.id.hex} - {"evt-planted", "/services/tasks", "Quintanilla"}
    assert [secret for secret in personal if secret in log.text] == []


def _without_producers_words(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """A producer names its events and itself as it likes; the world's uses a name for that."""
    return {name: value for name, value in line.items() if name not in ("event_id", "event_source")}

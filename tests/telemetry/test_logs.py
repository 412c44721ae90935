import json
import logging
from collections.abc import Sequence
from datetime import datetime

import pytest
from django.db import IntegrityError
from django.test import Client

from preferences.models import User
from telemetry import log_errors, logs
from tests.telemetry.captured import Log


def ours() -> logging.Logger:
    return logging.getLogger("notifications.somewhere")


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
        (["celery", "-A", "x", "beat", "--scheduler", "x.beat:Beat"], "beat"),
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

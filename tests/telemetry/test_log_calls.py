"""What our own code gives its loggers, read from the code."""

import ast
import logging
from collections.abc import Iterator

from telemetry import logs
from tests.conftest import ROOT

SHIPPED = ("delivery", "notifications", "notifications_producer", "notifications_project", "preferences", "telemetry")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
#: What Datadog takes for something of its own. `trace_id` is what it says; the rest the formatter itself writes.
RESERVED = {"host", "source", "service", "status", "message", "timestamp", "logger", "http", "version", "env"}


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
    wrong = [where for where, call in calls if not isinstance(call.args[0], ast.Constant | ast.Name)]
    assert wrong == []
    names = {call.args[0].id for _, call in calls if isinstance(call.args[0], ast.Name)}
    assert names <= {"message"}  # of event_log._each, whose callers give constants


def test_a_message_says_the_same_each_time_except_to_producers_whose_logs_may_print_no_fields():
    filled_in = [where for where, call in calls_of_loggers() if len(call.args) != 1]
    assert [where.partition(":")[0] for where in filled_in] == ["notifications_producer/client.py"]


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

"""Log lines: JSON for Datadog, or plain text for whoever sits at a terminal (docs/decisions/0012-log-lines.md).

A line of ours is a constant message with the fields of FIELDS and no others. Of what libraries log only the unfilled
message is written, and what we know to be harmless: whatever they put into it may be somebody's name or token. Field
names are those that Datadog's pipeline for JSON knows by itself (`status`, `service`, `logger.name`, `error.kind`,
`error.stack`); `source` and `trace_id` mean something else to it, so that an event's id is `event_id`.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from telemetry import log_errors

#: What `extra` may hold. Ids of ours and of producers, counts, and members of enumerations; never anybody's data.
FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "event_id": "Of a producer's event: the one id by which to follow it.",
        "event_ids": "Of a batch, a hundred at most.",
        "event_source": "Who published it: the ids of each source are its own.",
        "trace_id": "Of the trace that the producer's `traceparent` names, in hexadecimal digits.",
        "ledger_id": "The event's row in received_events.",
        "path": "By which way it came: sqs, http, replay.",
        "reason": "A code: of a rejection, of a decision, or why a service is left alone.",
        "place": "The line of ours where an error was raised.",
        "error": "An error's kind, or a provider's code for it.",
        "notification_id": "Of one recipient's notification; `manage.py trace_notification` takes it.",
        "delivery_id": "The row in deliveries.",
        "channel": "email or push.",
        "state": "Of a delivery, after what the line tells.",
        "attempts": "How often it was tried.",
        "seconds": "Until something is tried again.",
        "lasted_seconds": "Since an outage began.",
        "lane": "The way to one provider.",
        "forecast": "A row in forecasts.",
        "line": "Of a backfill's file.",
        "topic": "Of SNS, by its ARN.",
        "moved": "Whether feedback changed the delivery's state.",
        "detail": "What is wrong with a message of SNS, in our words.",
        "note": "What SES says of a mail, in its codes.",
        "events": "How many.",
        "recipients": "How many.",
        "messages": "How many, of a queue.",
        "displays": "How many.",
        "groups": "How many.",
        "rows": "How many.",
        "unchecked_requests": "How many passed without a limit.",
    }
)

_OURS: Final = frozenset(
    {
        *("notifications_project", "notifications", "delivery", "preferences", "telemetry", "notifications_producer"),
        *("devstack", "benchmarks", "drills"),
    }
)
#: Libraries whose messages are about code, not about data, and are nothing without what fills them.
_FILLED: Final = frozenset({"py.warnings"})
#: Libraries whose messages are nothing but what fills them; the fields tell the rest.
_WORDS: Final = {
    "celery.app.trace": "task failed",
    "django.request": "request failed",
}
_SUSPICIOUS: Final = "django.security."  # and the error's name: Django logs its text, which quotes the request
_PROGRAMS: Final = {"consume_events": "intake"}


class JsonLines(OrjsonFormatter):
    """One JSON object a line. `static_fields` are on every line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; an error in it loses its text (telemetry/log_errors.py)."""
        line = {
            "timestamp": _instant(record),
            "status": record.levelname.lower(),
            "message": _message(record),
            "logger": {"name": record.name, "thread_name": record.threadName},
            **self.static_fields,
            **_fields(record),
        }
        if error := _error(record):
            line["error"] = error
        return self.serialize_log_record(line)


class PlainLines(logging.Formatter):
    """One line for human eyes, with the fields of ours behind the message.

    `with_texts` is for the demo, whose people are invented: what libraries say is filled in, and errors are shown as
    Python shows them. A terminal is no reason: what it shows may be kept as well.
    """

    def __init__(self, *, with_texts: bool = False, **_: Any) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")
        self._with_texts = with_texts

    def format(self, record: logging.LogRecord) -> str:
        """Write the line, and below it where an error was raised."""
        if self._with_texts:
            return super().format(record)
        stack = str(_error(record).get("stack", "")).rstrip()
        line = self._with_fields(f"{record.levelname} {record.name} {_message(record)}", record)
        return f"{line}\n{stack}" if stack else line

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Write the line above the traceback."""
        return self._with_fields(super().formatMessage(record), record)

    def _with_fields(self, line: str, record: logging.LogRecord) -> str:
        fields = _own_fields(record) if _is_ours(record) else {}
        return " ".join([line, *(f"{name}={_visible(value)}" for name, value in fields.items())])


def _visible(value: object) -> str:
    """Return the value as text that neither ends a line nor tells a terminal anything, whoever wrote it."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def process_name(arguments: Sequence[str]) -> str:
    """Return which process of the Procfile these arguments (`sys.argv`) start, or the name of a command."""
    program, rest = PurePath(arguments[0]).name, arguments[1:]
    if program == "celery":
        host = next((after for name, after in pairwise(rest) if name == "--hostname"), "")
        return "beat" if "beat" in rest else host.partition("@")[0] or "worker"
    if program in ("manage.py", "django-admin"):
        command = rest[0] if rest else "command"
        return _PROGRAMS.get(command, command)
    return "web" if program in ("uvicorn", "gunicorn") else program or "python"


# --- What a line says ----------------------------------------------------------------------------------------


def _instant(record: logging.LogRecord) -> str:
    """Return its time as RFC 3339 has it, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OURS


def _message(record: logging.LogRecord) -> str:
    """Return the message; of a library's, the first line of what is to be filled in."""
    if record.name in _FILLED:
        return record.getMessage().strip()
    if record.name in _WORDS:
        return _WORDS[record.name]
    if record.name.startswith(_SUSPICIOUS):
        return "request refused"
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    return str(record.msg).strip().partition("\n")[0]


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    if _is_ours(record):
        return {name: value for name, value in _own_fields(record).items() if name != "error"}
    return {name: value for name, value in _of_library(record) if value}


def _own_fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of a record of ours: those with a meaning, and with a value."""
    extra = {name: value for name, value in record.__dict__.items() if name not in RESERVED_ATTRS}
    return {name: value for name, value in extra.items() if name in FIELDS and value not in ("", None)}


def _of_library(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Yield what is known to be harmless: of a request its method, route and status, of a task its name and id."""
    request = getattr(record, "request", None)
    if request is not None:
        match = getattr(request, "resolver_match", None)
        route = getattr(match, "route", None)  # the pattern: the path itself may hold a token
        status = getattr(record, "status_code", None)
        yield "http", {"method": getattr(request, "method", None), "route": route, "status_code": status}
    data = getattr(record, "data", None)
    if record.name.startswith("celery") and isinstance(data, Mapping):
        yield "task", {"name": data.get("name"), "id": data.get("id")}


def _error(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return what is told of an error: one that is logged with its traceback, or only named."""
    if record.exc_info and record.exc_info[1] is not None:
        return log_errors.described(record.exc_info[1], record.exc_info[2])
    if _is_ours(record):
        named = record.__dict__.get("error")
        return {"kind": str(named)} if named else {}
    given = [record.msg, *(record.args if isinstance(record.args, tuple) else ())]
    errors = [each for each in given if isinstance(each, BaseException)]
    return log_errors.described(errors[0]) if errors else {}

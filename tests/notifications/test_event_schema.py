"""The JSON Schema of events against the code that reads them."""

import json
from datetime import UTC, date, datetime

import jsonschema  # type: ignore[import-untyped]
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.event_messages import read_message
from notifications.event_schema import EVENT, EVENT_OR_BATCH
from notifications.events import Event, Rejected
from notifications.models import Rejection
from tests.cloudevents import cloudevent
from tests.examples import examples
from tests.json_mutants import Json, mutants
from tests.json_schema import from_schema, in_python

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
formats = jsonschema.FormatChecker(formats=())
keyword_pattern = jsonschema.Draft202012Validator.VALIDATORS["pattern"]
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": lambda validator, pattern, value, _: keyword_pattern(validator, in_python(pattern), value, _)},
)
schema = Validator(EVENT, format_checker=formats)


@formats.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def is_on_a_day_of_the_calendar(time: Json) -> bool:
    """What the schema's pattern cannot tell."""
    return not isinstance(time, str) or bool(date.fromisoformat(time[:10]))


def read(event: Json) -> Event | Rejected:
    [part] = read_message(json.dumps(event), sent_at=NOW, now=NOW)
    return part


def is_accepted(event: Json) -> bool:
    """Also when it is refused for the one thing that no schema can tell: which hosts are allowed."""
    part = read(event)
    if isinstance(part, Event):
        return True
    if part.detail == "nested too deeply":  # which no schema can tell
        return True
    return part.reason is Rejection.BAD_URL and event["data"]["resource"]["url"].startswith("https:")


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(EVENT_OR_BATCH)


def test_the_specs_own_example_fits():
    schema.validate(cloudevent())


@examples(100)
@given(from_schema(EVENT))
def test_every_event_that_fits_is_accepted(event):
    assert is_accepted(event), read(event)


@examples(150)
@given(mutants(st.just(cloudevent()) | from_schema(EVENT)))
def test_a_mutant_that_still_fits_is_accepted(body):
    try:
        event = orjson.loads(body)
    except ValueError:
        return
    if schema.is_valid(event):
        assert is_accepted(event), read(event)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "\x00"},
        {"source": "x" * 256},
        {"type": "invoice_paid"},
        {"time": "1969-12-31T23:59:59Z"},
        {"time": "2026-03-04"},
        {"data": {"recipients": []}},
        {"data": {"actor": {"id": ""}}},
        {"data": {"resource": {"type": "task", "id": "x" * 51}}},
        {"data": {"resource": {"type": "task", "id": "1", "url": "//evil.example"}}},
        {"data": {"params": {"excerpt": 5}}},
    ],
)
def test_what_is_rejected_does_not_fit(changes):
    event = cloudevent(**changes)
    assert isinstance(read(event), Rejected)
    assert not schema.is_valid(event)

"""What the way of events through this process leaves in the log: one id to follow, and nobody's data."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import OperationalError

from notifications import pipeline
from notifications.models import Path
from notifications_producer import Event, Producer
from preferences.models import User
from telemetry import logs
from tests.cloudevents import event_for, message
from tests.telemetry.captured import Log
from tests.telemetry.world import SECRETS, World

# --- One id from the queue to the provider ---------------------------------------------------------------------


def test_an_event_that_makes_us_fail_is_followed_by_its_id(alice: User, log: Log, monkeypatch: pytest.MonkeyPatch):
    def break_down(*_: Any, **__: Any) -> None:
        raise ValueError("Zoraida")

    monkeypatch.setattr(pipeline, "render_event", break_down)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    pipeline.process([message(event_for(alice, id="evt-1", traceparent=traceparent))], path=Path.SQS)
    failed, rejected = log.lines("event failed")[0], log.lines("event rejected")[0]
    for line in (failed, rejected):
        assert (line["event_id"], line["event_source"]) == ("evt-1", "/services/tasks")
        assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert failed["error"] == {"kind": "ValueError"}
    assert failed["place"].startswith("tests/telemetry/test_logs_of_events.py:")  # the line above that raises
    assert rejected["reason"] == "internal_error"
    assert "Zoraida" not in log.text


def test_a_bad_event_is_named_as_far_as_it_can_be_read(log: Log, db: None):
    pipeline.process([message({"id": "evt-2", "specversion": "0.3"}), message("not JSON")], path=Path.SQS)
    first, second = log.lines("event rejected")
    assert (first["event_id"], first["reason"]) == ("evt-2", "wrong_shape")
    assert "event_id" not in second


@pytest.mark.parametrize(("log_events", "stages"), [(True, ["event received", "event stored"]), (False, [])])
def test_stages_are_told_only_when_they_are_asked_for(alice: User, log: Log, settings, log_events, stages):
    settings.LOG_EVENTS = log_events
    pipeline.process([message(event_for(alice, id="evt-3"))], path=Path.SQS)
    assert [line["message"] for line in log.lines() if line.get("event_id") == "evt-3"] == stages


def test_a_batch_that_postgresql_would_not_take_names_its_events(
    alice: User, log: Log, monkeypatch: pytest.MonkeyPatch
):
    def be_away(*_: Any) -> None:
        raise OperationalError("could not connect to zoraida.example.org")

    monkeypatch.setattr(pipeline, "_store_together", be_away)
    with pytest.raises(OperationalError):
        pipeline.process([message(event_for(alice, id=str(number))) for number in range(2)], path=Path.SQS)
    [line] = log.lines("events are tried again")
    assert (line["events"], line["event_ids"]) == (2, ["0", "1"])


def test_a_producer_names_what_it_hands_over(queue, settings, log: Log):
    event = Event(type="mentioned", source="/services/tasks", recipients=["usr_00000000000000000000000000000001"])
    Producer(queue_url=queue.url, endpoint_url=settings.SQS_ENDPOINT_URL).publish(event)
    [line] = log.lines("event published")
    assert (line["event_id"], line["event_source"], line["path"]) == (event.id, event.source, "sqs")


# --- Nobody's data -----------------------------------------------------------------------------------------------


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

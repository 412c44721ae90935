"""Beat while SQS is away (notifications_project/beat.py)."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from celery.schedules import schedule

from devstack.sqs_faults import order
from notifications_project.beat import Beat
from notifications_project.celery import app


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called, on a queue where nobody is: this stands in for what keeps other tests from it."""


@pytest.fixture
def call(caplog: pytest.LogCaptureFixture) -> Callable[..., None]:
    """Has beat call for something that is due."""
    beat, queue = Beat(app, lazy=True), f"beat-{secrets.token_hex(6)}"
    caplog.set_level(logging.WARNING)

    def due(*arguments: Any) -> None:
        entry = beat.Entry(
            name="sweep",
            task="delivery.sweep",
            schedule=schedule(5),
            args=arguments,
            options={"queue": queue},
            app=app,
        )
        beat.apply_entry(entry)

    return due


def test_an_outage_of_sqs_is_a_line_at_its_beginning_and_one_at_its_end(call, failing_sqs, caplog):
    for _ in range(3):
        call()
    assert [(line.getMessage(), line.exc_info) for line in caplog.records] == [("queue unreachable", None)]
    order(failing_sqs, None)
    call()
    assert caplog.messages == ["queue unreachable", "queue answers again"]


def test_a_call_that_is_wrong_in_itself_is_told_with_its_error(call, servers, caplog):
    call(object())  # which no message can hold
    [line] = caplog.records
    assert (line.levelname, line.getMessage()) == ("ERROR", "no worker called")
    assert "EncodeError" in caplog.text

import logging
from collections.abc import Iterator

import pytest
from botocore.exceptions import EndpointConnectionError

from notifications.intake.queue_outage import REMIND_SECONDS, QueueOutage

AWAY = EndpointConnectionError(endpoint_url="http://sqs.example")
BEGINS = ("queue unreachable", 0)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock, caplog: pytest.LogCaptureFixture) -> Iterator[QueueOutage]:
    with caplog.at_level(logging.WARNING, logger="notifications"):
        yield QueueOutage(clock=clock)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.getMessage(), record.lasted_seconds) for record in caplog.records]  # type: ignore[attr-defined]


def test_many_receivers_say_once_that_the_queue_is_unreachable(outage, caplog):
    for _ in range(10):
        outage.failed(AWAY)

    assert said(caplog) == [BEGINS]
    assert caplog.records[0].error == "EndpointConnectionError"


def test_a_long_outage_is_told_again_from_time_to_time(outage, clock, caplog):
    for _ in range(2 * int(REMIND_SECONDS) + 1):
        outage.failed(AWAY)
        clock.now += 1

    assert said(caplog) == [BEGINS, ("queue unreachable", REMIND_SECONDS), ("queue unreachable", 2 * REMIND_SECONDS)]


def test_that_the_queue_answers_again_is_said_once_with_how_long_it_took(outage, clock, caplog):
    outage.failed(AWAY)
    clock.now += 12.4
    for _ in range(3):
        outage.answered()

    assert said(caplog) == [BEGINS, ("queue answers again", 12)]


def test_a_queue_that_always_answered_is_not_mentioned(outage, caplog):
    outage.answered()

    assert said(caplog) == []


def test_a_queue_that_comes_and_goes_does_not_fill_the_log(outage, clock, caplog):
    for _ in range(20):
        outage.failed(AWAY)
        clock.now += 1
        outage.answered()

    assert said(caplog) == [BEGINS, ("queue answers again", 1)]


def test_a_second_outage_soon_after_the_first_is_told_when_it_lasts(outage, clock, caplog):
    outage.failed(AWAY)
    outage.answered()
    clock.now += 10
    outage.failed(AWAY)
    clock.now += REMIND_SECONDS - 10
    outage.failed(AWAY)
    outage.answered()

    lasted = REMIND_SECONDS - 10
    assert said(caplog)[2:] == [("queue unreachable", lasted), ("queue answers again", lasted)]

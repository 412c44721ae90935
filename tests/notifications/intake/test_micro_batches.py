from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.event_queue import Received
from notifications.intake import micro_batches
from notifications.intake.micro_batches import MicroBatches
from notifications.intake.pace import Pace


@pytest.fixture
def batches(settings) -> MicroBatches:
    """Of two messages at most, for which nobody waits long."""
    settings.INTAKE_BATCH_MESSAGES = 2
    settings.INTAKE_BATCH_WAIT = settings.INTAKE_BATCH_EVERY = timedelta(milliseconds=1)
    return MicroBatches(Pace())


@pytest.fixture(autouse=True)
def _without_a_release(monkeypatch):
    monkeypatch.setattr("preferences.rollout.since_release", lambda: None)


def put(batches: MicroBatches, *bodies: str) -> None:
    for body in bodies:
        batches.put(Received("receipt", body, timezone.now()))


def bodies(batch: list[Received]) -> list[str]:
    return [received.body for received in batch]


def test_a_batch_is_full_by_number_and_the_rest_is_the_next_one(batches):
    put(batches, "1", "2", "3")
    assert [bodies(batches.next()), bodies(batches.next())] == [["1", "2"], ["3"]]


def test_a_batch_is_full_by_the_size_of_its_bodies(batches, monkeypatch):
    monkeypatch.setattr(micro_batches, "_BATCH_BYTES", 5)
    put(batches, "large", "small")
    assert [bodies(batches.next()), bodies(batches.next())] == [["large"], ["small"]]


def test_a_message_waits_for_company(batches, settings):
    settings.INTAKE_BATCH_WAIT = timedelta(minutes=1)
    with ThreadPoolExecutor(1) as processor:
        batch = processor.submit(batches.next)
        put(batches, "1", "2")
        assert bodies(batch.result(timeout=30)) == ["1", "2"]


def test_the_end_comes_behind_what_is_left_and_stays_the_end(batches):
    put(batches, "1")
    batches.end()
    assert bodies(batches.next()) == ["1"]
    assert [batches.next() for _ in range(3)] == [[], [], []]

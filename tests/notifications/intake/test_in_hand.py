from collections.abc import Iterable
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError
from django.utils import timezone

from notifications.event_queue import Received
from notifications.intake import in_hand
from notifications.intake.in_hand import InHand


class KeepingQueue:
    """Notes which receipts it was asked to keep, and may be away."""

    pause_seconds = 0.0

    def __init__(self) -> None:
        self.kept: list[list[str]] = []
        self.error: Exception | None = None
        self.refuses = 0

    def receive(self) -> list[Received]:
        return []

    def keep(self, receipts: list[str]) -> int:
        self.kept.append(receipts)
        return self.delete(receipts)

    def delete(self, _: Iterable[str]) -> int:
        if self.error:
            raise self.error
        return self.refuses

    put_back = delete


@pytest.fixture
def queue() -> KeepingQueue:
    return KeepingQueue()


@pytest.fixture
def holding(queue) -> InHand:
    return InHand(queue)


@pytest.fixture
def overdue(settings):
    """Whatever is in hand is due at once."""
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(0)


def several(count, *, length=10) -> list[Received]:
    return [Received(str(number), "x" * length, timezone.now()) for number in range(count)]


def test_what_has_just_come_need_not_be_kept(holding, queue):
    holding.take(several(3))
    holding.keep_due()
    assert queue.kept == []


@pytest.mark.parametrize("let_go", [InHand.delete, InHand.put_back])
def test_what_is_in_hand_for_long_is_kept_until_it_is_let_go(holding, queue, overdue, let_go):
    messages = several(3)
    holding.take(messages)
    let_go(holding, messages[:1])
    holding.keep_due()
    assert queue.kept == [["1", "2"]]


def test_what_was_kept_is_left_alone_for_a_while(holding, queue, overdue, settings):
    holding.take(several(2))
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(minutes=1)
    holding.keep_due()
    holding.keep_due()
    assert queue.kept == [["0", "1"]]


def test_what_a_queue_that_is_away_did_not_keep_is_tried_again(holding, queue, overdue, settings, caplog):
    holding.take(several(1))
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(minutes=1)
    queue.error = EndpointConnectionError(endpoint_url="http://sqs.example")
    holding.keep_due()
    holding.keep_due()
    assert queue.kept == [["0"], ["0"]]
    assert caplog.messages == ["messages may come again"] * 2


def test_what_was_let_go_while_it_was_being_kept_does_not_come_back(holding, queue, overdue, monkeypatch):
    messages = several(1)
    holding.take(messages)
    monkeypatch.setattr(queue, "keep", lambda _: holding.delete(messages))
    holding.keep_due()
    monkeypatch.undo()
    holding.keep_due()
    assert queue.kept == []


@pytest.mark.parametrize(
    ("error", "refuses", "warning"),
    [
        (EndpointConnectionError(endpoint_url="http://sqs.example"), 0, "messages may come again"),
        (None, 1, "messages will come again"),
    ],
)
def test_what_the_queue_does_not_take_back_is_told_and_let_go(holding, queue, overdue, caplog, error, refuses, warning):
    messages = several(2)
    holding.take(messages)
    queue.error, queue.refuses = error, refuses
    holding.delete(messages)
    holding.keep_due()
    assert caplog.messages == [warning]
    assert queue.kept == []


def test_it_is_full_by_the_size_of_the_bodies(holding, monkeypatch):
    monkeypatch.setattr(in_hand, "_MOST_BYTES", 25)
    messages = several(3)
    holding.take(messages)
    assert holding.is_full
    holding.delete(messages[:1])
    assert not holding.is_full

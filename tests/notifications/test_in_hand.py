from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import in_hand
from notifications.event_queue import Received
from notifications.in_hand import InHand


def several(count, *, length=10) -> list[Received]:
    return [Received(str(number), "x" * length, timezone.now()) for number in range(count)]


@pytest.fixture
def overdue(settings):
    """Whatever is in hand is due at once."""
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(0)


def test_what_has_just_come_need_not_be_kept():
    holding = InHand()
    holding.take(several(3))
    assert holding.due() == []


def test_what_is_in_hand_for_long_is_due_until_it_is_let_go(overdue):
    holding, messages = InHand(), several(3)
    holding.take(messages)
    holding.let_go(messages[:1])
    assert holding.due() == ["1", "2"]


def test_what_was_kept_is_not_due_for_a_while(overdue, settings):
    holding = InHand()
    holding.take(several(2))
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(minutes=1)
    holding.kept(["0"])
    assert holding.due() == ["1"]


def test_what_was_let_go_while_it_was_being_kept_does_not_come_back(overdue):
    holding, messages = InHand(), several(1)
    holding.take(messages)
    holding.let_go(messages)
    holding.kept(["0"])
    assert holding.due() == []


def test_it_is_full_by_the_size_of_the_bodies(monkeypatch):
    monkeypatch.setattr(in_hand, "_MOST_BYTES", 25)
    holding, messages = InHand(), several(3)
    holding.take(messages)
    assert holding.is_full
    holding.let_go(messages[:1])
    assert not holding.is_full

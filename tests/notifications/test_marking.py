import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from delivery.transports import bell
from notifications import marking
from notifications.inbox import UnknownNotification
from notifications.marking import InvalidUndo
from tests.notifications.rows import NOON, read_at, stored

UNKNOWN = "ntf_----------------"


@pytest.fixture
def told(monkeypatch) -> list[tuple]:
    """What the bells were told; that it arrives on sockets is another test's."""
    messages: list[tuple] = []
    monkeypatch.setattr(bell, "publish", lambda some, **_: messages.extend(some))
    return messages


def test_the_first_time_of_reading_stays(alice):
    row = stored(alice)
    with time_machine.travel(NOON):
        first = marking.mark_read(alice.id, row)
    assert marking.mark_read(alice.id, row) == first == read_at(row)


def test_marking_tells_the_other_bells_once(alice, told):
    row, _ = stored(alice), stored(alice)
    marking.mark_read(alice.id, row)
    marking.mark_read(alice.id, row)
    marking.mark_unread(alice.id, row)
    marking.mark_unread(alice.id, row)
    assert told == [
        (alice.id, {"type": "read", "ids": [row], "unread_count": 1}),
        (alice.id, {"type": "unread", "ids": [row], "unread_count": 2}),
    ]


@pytest.mark.parametrize("mark", [marking.mark_read, marking.mark_unread])
def test_nobody_marks_a_row_of_another(alice, charlie, told, mark):
    rows = [stored(alice), stored(alice, read_at=NOON)]
    for row in [*rows, UNKNOWN]:
        with pytest.raises(UnknownNotification):
            mark(charlie.id, row)
    assert [read_at(row) for row in rows] == [None, NOON]
    assert told == []


def test_marking_all_leaves_other_people_alone(alice, charlie):
    hers, other = stored(alice), stored(charlie)
    marked = marking.mark_all_read(alice.id)
    assert (marked.updated, marked.unread_count) == (1, 0)
    assert read_at(hers) is not None
    assert read_at(other) is None


def test_what_was_stored_after_the_watermark_stays_unread(alice, told):
    old, seen, new = (stored(alice, minutes=minute) for minute in range(3))
    marked = marking.mark_all_read(alice.id, up_to=seen)
    assert (marked.updated, marked.unread_count) == (2, 1)
    assert (read_at(old) is None, read_at(seen) is None, read_at(new)) == (False, False, None)
    assert told == [(alice.id, {"type": "read", "up_to": seen, "unread_count": 1})]


def test_marking_all_of_nothing_tells_nobody(alice, told):
    marked = marking.mark_all_read(alice.id)
    assert (marked.updated, marked.unread_count, told) == (0, 0, [])


def test_a_watermark_of_another_is_unknown(alice, charlie):
    with pytest.raises(UnknownNotification):
        marking.mark_all_read(charlie.id, up_to=stored(alice))


def test_undo_makes_unread_what_that_call_marked_and_nothing_else(alice, told):
    before, row = stored(alice, read_at=NOON), stored(alice, minutes=1)
    undo_id = marking.mark_all_read(alice.id).undo_id
    assert marking.undo_mark_all(alice.id, undo_id) == 1
    assert (read_at(before), read_at(row)) == (NOON, None)
    assert told[-1] == (alice.id, {"type": "unread", "ids": [row], "unread_count": 1})


def test_undo_is_nobody_elses(alice, charlie):
    stored(alice), stored(charlie)
    undo_id = marking.mark_all_read(alice.id).undo_id
    with pytest.raises(InvalidUndo):
        marking.undo_mark_all(charlie.id, undo_id)


def test_after_a_minute_it_is_too_late(alice):
    stored(alice)
    undo_id = marking.mark_all_read(alice.id).undo_id
    with time_machine.travel(timezone.now() + timedelta(seconds=61)), pytest.raises(InvalidUndo):
        marking.undo_mark_all(alice.id, undo_id)


@pytest.mark.parametrize("undo_id", ["", ":", "a:b:c", "\x00", "ü", json.dumps({})])
def test_an_undo_id_of_ones_own_making_is_refused(alice, undo_id):
    with pytest.raises(InvalidUndo):
        marking.undo_mark_all(alice.id, undo_id)

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from delivery.transports import bell
from notifications import inbox
from notifications.inbox import InvalidUndo, Status, UnknownNotification
from preferences import user_ids
from tests.notifications.rows import NOON, read_at, stored

UNKNOWN = "ntf_----------------"


@pytest.fixture
def told(monkeypatch) -> list[tuple]:
    """What the bells were told; that it arrives on sockets is another test's."""
    messages: list[tuple] = []
    monkeypatch.setattr(bell, "publish", lambda some, **_: messages.extend(some))
    return messages


def listed(user, **options) -> list[str]:
    return [item.id for item in inbox.page(user.id, **{"limit": 100, **options}).items]


# --- Reading -------------------------------------------------------------------------------------------------


def test_what_was_stored_last_comes_first_whatever_its_event_time(alice):
    first, last, middle = stored(alice, minutes=0), stored(alice, minutes=2), stored(alice, minutes=1)
    assert listed(alice) == [last, middle, first]


def test_rows_of_the_same_instant_are_in_the_order_of_their_ids(alice):
    ids = [stored(alice) for _ in range(5)]
    assert listed(alice) == sorted(ids, reverse=True)


def test_rows_of_the_same_instant_are_paged_without_a_gap(alice):
    ids = [stored(alice) for _ in range(5)]
    first = inbox.page(alice.id, limit=2)
    second = inbox.page(alice.id, limit=2, after=first.next)
    assert [item.id for page in (first, second) for item in page.items] == sorted(ids, reverse=True)[:4]


def test_a_user_sees_nothing_of_anybody_else(alice, charlie):
    hers = stored(alice)
    assert listed(charlie) == []
    assert inbox.get(charlie.id, hers) is None
    assert inbox.unread_count(charlie.id) == 0
    assert inbox.latest_id(charlie.id) is None
    assert inbox.stored_since(charlie.id, hers, limit=10).items == []


@pytest.mark.parametrize(("status", "titles"), [(Status.ALL, {"a", "b"}), (Status.READ, {"a"}), (Status.UNREAD, {"b"})])
def test_a_status_lists_its_part(alice, status, titles):
    stored(alice, title="a", read_at=NOON)
    stored(alice, title="b")
    assert {item.title for item in inbox.page(alice.id, status=status, limit=10).items} == titles


def test_a_last_page_that_is_full_has_no_next(alice):
    ids = [stored(alice, minutes=minute) for minute in range(4)]
    first = inbox.page(alice.id, limit=2)
    second = inbox.page(alice.id, limit=2, after=first.next)
    assert [item.id for page in (first, second) for item in page.items] == ids[::-1]
    assert second.next is None


def test_a_place_is_kept_while_rows_arrive_and_are_read(alice):
    ids = [stored(alice, minutes=minute) for minute in range(4)]
    first = inbox.page(alice.id, status=Status.UNREAD, limit=2)
    stored(alice, minutes=9)
    inbox.mark_read(alice.id, ids[3])
    inbox.mark_read(alice.id, ids[2])
    assert listed(alice, status=Status.UNREAD, after=first.next) == [ids[1], ids[0]]


def test_six_hundred_rows_are_paged_complete_and_once_while_new_ones_arrive(alice):
    ids = [stored(alice, minutes=number / 7) for number in range(600)]
    seen, after = [], None
    while True:
        page = inbox.page(alice.id, limit=25, after=after)
        seen += [item.id for item in page.items]
        stored(alice, minutes=1000)
        after = page.next
        if after is None:
            break
    assert seen == ids[::-1]


def test_a_page_costs_one_query(alice, django_assert_num_queries):
    stored(alice, actor=alice)
    with django_assert_num_queries(1):
        inbox.page(alice.id, limit=25)


def test_an_item_has_the_shape_of_the_seed(alice, bob):
    bob.avatar_url = "https://example.com/bob.png"
    bob.save()
    resource = {
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "resource_title": "Update",
    }
    item = inbox.get(alice.id, stored(alice, actor=bob, title="T", body="B", read_at=NOON, **resource))
    assert item is not None
    assert item.as_json() == {
        "id": item.id,
        "type": "task_assigned",
        "title": "T",
        "body": "B",
        "actor": {"id": user_ids.show(bob.id), "name": "Bob Okafor", "avatar_url": "https://example.com/bob.png"},
        "resource": {"type": "task", "id": "tsk_456", "url": "/tasks/tsk_456", "title": "Update"},
        "read_at": "2026-03-04T12:00:00Z",
        "created_at": "2026-03-04T12:00:00Z",
    }


def test_without_actor_and_resource_both_are_null(alice):
    item = inbox.get(alice.id, stored(alice))
    assert item is not None
    assert (item.as_json()["actor"], item.as_json()["resource"]) == (None, None)


def test_what_was_missed_overlaps_by_a_minute(alice):
    stored(alice, minutes=0)
    near, known, later = stored(alice, minutes=9.5), stored(alice, minutes=10), stored(alice, minutes=11)
    assert [item.id for item in inbox.stored_since(alice.id, known, limit=10).items] == [later, known, near]


def test_who_knows_nothing_missed_the_newest(alice):
    ids = [stored(alice, minutes=minute) for minute in range(3)]
    missed = inbox.stored_since(alice.id, UNKNOWN, limit=2)
    assert [item.id for item in missed.items] == [ids[2], ids[1]]
    assert missed.next is not None


def test_unread_is_counted_for_many_users_at_once(alice, bob, charlie):
    stored(alice), stored(alice), stored(bob, read_at=NOON)
    assert inbox.unread_counts([alice.id, bob.id, charlie.id]) == {alice.id: 2, bob.id: 0, charlie.id: 0}


# --- Marking -------------------------------------------------------------------------------------------------


def test_the_first_time_of_reading_stays(alice):
    row = stored(alice)
    with time_machine.travel(NOON):
        first = inbox.mark_read(alice.id, row)
    assert inbox.mark_read(alice.id, row) == first == read_at(row)


def test_marking_tells_the_other_bells_once(alice, told):
    row, _ = stored(alice), stored(alice)
    inbox.mark_read(alice.id, row)
    inbox.mark_read(alice.id, row)
    inbox.mark_unread(alice.id, row)
    inbox.mark_unread(alice.id, row)
    assert told == [
        (alice.id, {"type": "read", "ids": [row], "unread_count": 1}),
        (alice.id, {"type": "unread", "ids": [row], "unread_count": 2}),
    ]


@pytest.mark.parametrize("mark", [inbox.mark_read, inbox.mark_unread])
def test_nobody_marks_a_row_of_another(alice, charlie, told, mark):
    rows = [stored(alice), stored(alice, read_at=NOON)]
    for row in [*rows, UNKNOWN]:
        with pytest.raises(UnknownNotification):
            mark(charlie.id, row)
    assert [read_at(row) for row in rows] == [None, NOON]
    assert told == []


def test_marking_all_leaves_other_people_alone(alice, charlie):
    hers, other = stored(alice), stored(charlie)
    marked = inbox.mark_all_read(alice.id)
    assert (marked.updated, marked.unread_count) == (1, 0)
    assert read_at(hers) is not None
    assert read_at(other) is None


def test_what_was_stored_after_the_watermark_stays_unread(alice, told):
    old, seen, new = (stored(alice, minutes=minute) for minute in range(3))
    marked = inbox.mark_all_read(alice.id, up_to=seen)
    assert (marked.updated, marked.unread_count) == (2, 1)
    assert (read_at(old) is None, read_at(seen) is None, read_at(new)) == (False, False, None)
    assert told == [(alice.id, {"type": "read", "up_to": seen, "unread_count": 1})]


def test_marking_all_of_nothing_tells_nobody(alice, told):
    marked = inbox.mark_all_read(alice.id)
    assert (marked.updated, marked.unread_count, told) == (0, 0, [])


@pytest.mark.django_db
def test_a_watermark_of_another_is_unknown(alice, charlie):
    with pytest.raises(UnknownNotification):
        inbox.mark_all_read(charlie.id, up_to=stored(alice))


def test_undo_makes_unread_what_that_call_marked_and_nothing_else(alice, told):
    before, row = stored(alice, read_at=NOON), stored(alice, minutes=1)
    undo_id = inbox.mark_all_read(alice.id).undo_id
    assert inbox.undo_mark_all(alice.id, undo_id) == 1
    assert (read_at(before), read_at(row)) == (NOON, None)
    assert told[-1] == (alice.id, {"type": "unread", "ids": [row], "unread_count": 1})


def test_undo_is_nobody_elses(alice, charlie):
    stored(alice), stored(charlie)
    undo_id = inbox.mark_all_read(alice.id).undo_id
    with pytest.raises(InvalidUndo):
        inbox.undo_mark_all(charlie.id, undo_id)


def test_after_a_minute_it_is_too_late(alice):
    stored(alice)
    undo_id = inbox.mark_all_read(alice.id).undo_id
    with time_machine.travel(timezone.now() + timedelta(seconds=61)), pytest.raises(InvalidUndo):
        inbox.undo_mark_all(alice.id, undo_id)


@pytest.mark.parametrize("undo_id", ["", ":", "a:b:c", "\x00", "ü", json.dumps({})])
def test_an_undo_id_of_ones_own_making_is_refused(alice, undo_id):
    with pytest.raises(InvalidUndo):
        inbox.undo_mark_all(alice.id, undo_id)

import pytest

from notifications import inbox, marking
from notifications.inbox import Status
from preferences import user_ids
from tests.notifications.rows import NOON, stored

UNKNOWN = "ntf_----------------"


def listed(user, **options) -> list[str]:
    return [item.id for item in inbox.page(user.id, **{"limit": 100, **options}).items]


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
    marking.mark_read(alice.id, ids[3])
    marking.mark_read(alice.id, ids[2])
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

from datetime import UTC, datetime, timedelta

import pytest

from delivery.digest_groups import counted, gather, name_actors
from delivery.updates import Update

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)


def update(type_="comment_added", actor="Sarah Kim", resource="tsk_1", minutes_ago=0) -> Update:
    return Update(
        type=type_,
        title="",
        body="",
        actor=actor,
        resource_type="task" if resource else "",
        resource_id=resource,
        resource_title="",
        url="",
        occurred_at=NOW - timedelta(minutes=minutes_ago),
    )


@pytest.mark.parametrize(
    ("names", "phrases"),
    [
        ([""], ("Someone",)),
        (["", "", ""], ("Someone",)),
        (["Sarah"], ("Sarah",)),
        (["Sarah", "Sarah"], ("Sarah",)),
        (["Sarah", "Bob"], ("Sarah", "Bob")),
        (["Bob", "Sarah", "Bob"], ("Bob", "Sarah")),
        (["Sarah", ""], ("Sarah", "1 other")),
        (["", "Sarah"], ("Sarah", "1 other")),
        (["Sarah", "Bob", "Carol"], ("Sarah", "2 others")),
        (["Sarah", "Bob", "", ""], ("Sarah", "2 others")),
        (["Sarah", "Bob", "Carol", "Dan", "Bob"], ("Sarah", "3 others")),
    ],
)
def test_whoever_did_it_is_named_or_counted_once(names, phrases):
    assert name_actors(names) == phrases


@pytest.mark.parametrize(
    ("number", "phrase"), [(0, "0 updates"), (1, "1 update"), (2, "2 updates"), (1200, "1,200 updates")]
)
def test_a_number_agrees_with_its_noun(number, phrase):
    assert counted(number, "update") == phrase


@pytest.mark.parametrize(
    ("updates", "sizes"),
    [
        ([], []),
        ([update()], [1]),
        ([update(), update(minutes_ago=1)], [2]),
        ([update(), update(type_="mentioned")], [1, 1]),
        ([update(), update(resource="tsk_2")], [1, 1]),
        ([update(resource=""), update(resource="", minutes_ago=9)], [2]),
        ([update(resource=""), update()], [1, 1]),
    ],
)
def test_updates_are_gathered_by_type_and_resource(updates, sizes):
    digest = gather(updates)
    assert [len(group.updates) for group in digest.groups] == sizes
    assert (digest.count, digest.left_out) == (len(updates), 0)


def test_the_newest_comes_first_within_a_group_and_among_groups():
    old, newer, newest = update(minutes_ago=9), update(resource="tsk_2", minutes_ago=5), update(minutes_ago=1)
    groups = gather([old, newer, newest]).groups
    assert [group.updates for group in groups] == [(newest, old), (newer,)]


def test_what_is_too_much_is_counted_by_updates():
    updates = [update(resource=f"tsk_{number // 2}", minutes_ago=number) for number in range(30)]
    digest = gather(updates, longest=9)
    assert (len(digest.groups), digest.count, digest.left_out) == (9, 30, 12)


def test_who_did_it_last_is_named_first():
    (group,) = gather([update(actor="Sarah", minutes_ago=2), update(actor="Bob", minutes_ago=1)]).groups
    assert group.actors == ("Bob", "Sarah")

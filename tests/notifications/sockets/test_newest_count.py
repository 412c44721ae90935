import json

from notifications.sockets.newest_count import LATEST_SECONDS, NewestCount

NOON = 1_800_000_000.0
FRAME = json.dumps({"type": "read", "ids": ["ntf_0000000000000000"], "unread_count": 1})


def counted(unread: int, *, at: float) -> NewestCount:
    count = NewestCount()
    assert count.note(unread, at=at)
    return count


def test_a_later_count_is_kept_and_so_is_another_of_the_same_statement() -> None:
    count = counted(1, at=NOON)

    assert count.note(2, at=NOON + 0.000_001)
    assert count.note(2, at=NOON + 0.000_001)
    assert json.loads(count.put_into(FRAME))["unread_count"] == 2


def test_a_late_count_is_known_as_such_and_changes_nothing() -> None:
    count = counted(2, at=NOON)

    assert not count.note(1, at=NOON - 0.000_001)
    assert json.loads(count.put_into(FRAME)) == {**json.loads(FRAME), "unread_count": 2}


def test_a_clock_that_was_set_back_does_not_freeze_the_count() -> None:
    count = counted(2, at=NOON)

    assert count.note(1, at=NOON - LATEST_SECONDS)
    assert count.note(0, at=NOON - LATEST_SECONDS + 1)

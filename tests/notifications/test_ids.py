from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from notifications import ids

ALICE = UUID(int=1)
TIME = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)


def notification_id(source="/services/tasks", event_id="1", at=TIME, user=ALICE) -> str:
    return ids.for_event(source=source, event_id=event_id, occurred_at=at)(user)


def test_the_same_event_and_user_give_the_same_id():
    assert notification_id() == notification_id()


def test_another_event_source_or_user_gives_another_id():
    assert len({notification_id(), notification_id(event_id="2"), notification_id(source="/x"),
                notification_id(user=UUID(int=2))}) == 4  # fmt: skip


@given(st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC)), st.integers(1, 10**6))
def test_ids_of_later_events_sort_later(at, milliseconds):
    assert notification_id(at=at) < notification_id(at=at + timedelta(milliseconds=milliseconds))


@given(st.text(), st.uuids())
def test_every_id_has_the_documented_form(event_id, user):
    made = ids.for_event(source="/s", event_id=event_id.encode("utf-8", "replace").decode(), occurred_at=TIME)(user)
    assert ids.is_notification_id(made)
    assert len(made) == 20

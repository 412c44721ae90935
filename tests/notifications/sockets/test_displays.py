import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from notifications.models import Notification
from notifications.sockets import displays
from notifications.sockets.displays import Displays
from tests.notifications.rows import NOON, stored


def shown_at(notification_id: str):
    return Notification.objects.get(id=notification_id).displayed_at


@pytest.mark.django_db
def test_many_displays_are_one_statement(alice, bob, django_assert_num_queries):
    ids = {(user.id, stored(user)): NOON for user in (alice, bob) for _ in range(3)}
    with django_assert_num_queries(1):
        assert displays.record(ids) == 6
    assert {shown_at(id_) for _, id_ in ids} == {NOON}


@pytest.mark.django_db
def test_the_first_display_stays(alice):
    row = stored(alice)
    displays.record({(alice.id, row): NOON})
    assert displays.record({(alice.id, row): NOON + timedelta(hours=1)}) == 0
    assert shown_at(row) == NOON


@pytest.mark.django_db
def test_nobody_marks_anothers_row(alice, charlie):
    row = stored(alice)
    assert displays.record({(charlie.id, row): NOON, (alice.id, "ntf_0000000000000000"): NOON}) == 0
    assert shown_at(row) is None


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_writes_just_now_is_not_waited_for(alice):
    busy, free = stored(alice), stored(alice)

    def show_both() -> int:
        try:
            return displays.record({(alice.id, busy): NOON, (alice.id, free): NOON})
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as bell, transaction.atomic():
        Notification.objects.filter(id=busy).update(read_at=NOON)
        assert bell.submit(show_both).result(timeout=10) == 1
    assert (shown_at(busy), shown_at(free)) == (None, NOON)


@pytest.fixture
def written(monkeypatch) -> list:
    """The batches that would be written, and how fast."""
    batches: list = []
    monkeypatch.setattr(displays, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(displays, "record", lambda shown: batches.append(dict(shown)))
    return batches


async def test_what_comes_together_is_written_together_and_once(written):
    gathered, user_id = Displays(), uuid4()
    before = timezone.now()
    for id_ in ("ntf_1", "ntf_2", "ntf_1"):
        gathered.note(user_id, id_)
    await gathered._task
    (batch,) = written
    assert list(batch) == [(user_id, "ntf_1"), (user_id, "ntf_2")]
    assert before <= batch[user_id, "ntf_1"] <= batch[user_id, "ntf_2"] <= timezone.now()


async def test_without_displays_nothing_runs_and_later_ones_start_anew(written):
    gathered = Displays()
    assert gathered._task is None
    for _ in range(2):
        gathered.note(uuid4(), "ntf_1")
        await gathered._task
        assert gathered._task is None
    assert len(written) == 2


async def test_memory_is_bounded(written, monkeypatch):
    monkeypatch.setattr(displays, "_MOST", 3)
    gathered = Displays()
    for _ in range(10):
        gathered.note(uuid4(), "ntf_1")
    await gathered._task
    assert [len(batch) for batch in written] == [3]


async def test_a_batch_that_cannot_be_written_is_dropped_and_the_next_is_tried(written, monkeypatch, caplog):
    loop, has_failed = asyncio.get_running_loop(), asyncio.Event()

    def fail(_) -> None:
        monkeypatch.setattr(displays, "record", written.append)
        loop.call_soon_threadsafe(has_failed.set)
        raise OperationalError

    monkeypatch.setattr(displays, "record", fail)
    gathered = Displays()
    gathered.note(uuid4(), "ntf_1")
    with caplog.at_level(logging.WARNING):
        await has_failed.wait()
        gathered.note(uuid4(), "ntf_2")
        await gathered._task
    assert [id_ for batch in written for _, id_ in batch] == ["ntf_2"]
    assert "displays dropped" in caplog.text

from collections import Counter
from datetime import datetime
from uuid import uuid4

import orjson
import pytest
from django.db import DataError, OperationalError, connection

from delivery.models import Delivery
from delivery.transports import bell
from notifications import inbox, pipeline
from notifications.backfilling import batches
from notifications.backfilling import files as backfill_files
from notifications.backfilling import notifications as notification_backfill
from notifications.backfilling import rows as backfill_rows
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.notifications import NotificationLoader
from notifications.models import Backfill, Decision, Notification, Path, ReceivedEvent, Rejection
from preferences import rollout
from preferences.models import Flag
from tests.cloudevents import message
from tests.notifications.backfilling.lines import PAST, past_event, write_lines

pytestmark = pytest.mark.django_db

LONG_AGO = datetime.fromisoformat(PAST)


class Loaded:
    """What became of some lines."""

    def __init__(self, path, lines, *, batch_size=3):
        self.problems = []
        file = backfill_files.examine(write_lines(path / "history.jsonl", lines))
        self.run = backfill_runs.find(Backfill.Kind.NOTIFICATIONS, digest=file.digest, name="history.jsonl")
        steps = batches.load(
            file, NotificationLoader(), self.run, batch_size=batch_size, hear=lambda new: self.problems.extend(new)
        )
        self.steps = [step.lines for step in steps]
        self.counts = self.run.counts

    @property
    def bad_lines(self):
        return {problem.line: problem.reason for problem in self.problems}


@pytest.fixture
def load(tmp_path):
    return lambda *lines, **options: Loaded(tmp_path, lines, **options)


@pytest.fixture
def rehearse(tmp_path):
    def rehearsed(*lines):
        file = backfill_files.examine(write_lines(tmp_path / "history.jsonl", lines))
        steps = batches.rehearse(file, NotificationLoader(), batch_size=3)
        return sum((step.tally for step in steps), batches.Tally())

    return rehearsed


# --- What is stored ------------------------------------------------------------------------------------------


def test_a_line_becomes_the_notification_that_the_live_event_would_have_been(load, alice, bob):
    event = past_event(1, alice, data={"actor": {"id": str(bob.id)}})
    load(event)
    (loaded,) = Notification.objects.values("id", "user", "type", "title", "body", "actor", "resource_url")
    Notification.objects.all().delete()
    pipeline.process([message(event)], path=Path.SQS)
    assert Notification.objects.values(*loaded).get() == loaded


def test_it_is_born_read_when_it_happened_and_belongs_to_its_run(load, alice):
    loaded = load(past_event(1, alice))
    row = Notification.objects.get()
    assert row.created_at == row.read_at == LONG_AGO
    assert row.backfill == loaded.run
    assert inbox.unread_count(alice.id) == 0


def test_it_leaves_nothing_beside_the_inbox_and_no_bell_rings(load, alice, monkeypatch):
    monkeypatch.setattr(bell, "publish", lambda *_, **__: pytest.fail("a bell rang"))
    load(past_event(1, alice))
    assert not any(model.objects.exists() for model in (Delivery, Decision, ReceivedEvent))


def test_the_flag_is_passed_over(load, alice, flag_on: Flag):
    Flag.objects.update(everyone=False)
    rollout.forget()
    assert load(past_event(1, alice)).counts == {"stored": 1}


def test_who_wants_it_not_or_cannot_have_it_is_counted_by_reason(load, alice, bob, charlie):
    alice.notification_preferences = {"preferences": {"task_assigned": {"in_app": False}}}
    bob.is_active = False
    alice.save()
    bob.save()
    recipients = [str(alice.id), str(bob.id), str(charlie.id), str(uuid4()), "nobody"]
    loaded = load(past_event(1, data={"recipients": recipients, "actor": {"id": str(charlie.id)}}))
    assert loaded.counts == {"preference_off": 1, "inactive_user": 1, "own_action": 1, "unknown_user": 2}
    assert not Notification.objects.exists()


def test_an_actor_whom_nobody_knows_is_someone(load, alice):
    load(past_event(1, alice, data={"actor": {"id": str(uuid4())}}))
    assert Notification.objects.get().body.startswith("Someone ")


def test_an_event_of_many_recipients_goes_in_parts(load, alice, bob, charlie, monkeypatch):
    monkeypatch.setattr(notification_backfill, "_CHUNK", 2)
    assert load(past_event(1, alice, bob, charlie)).counts == {"stored": 3}


# --- What is there already -----------------------------------------------------------------------------------


def test_what_came_live_stays_as_it_is(load, alice):
    event = past_event(1, alice)
    pipeline.process([message(event)], path=Path.SQS)
    before = Notification.objects.values().get()
    assert load(event).counts == {"already_there": 1}
    assert Notification.objects.values().get() == before


def test_what_came_live_at_another_time_is_not_doubled(load, alice):
    pipeline.process([message(past_event(1, alice, time=None))], path=Path.SQS)
    assert load(past_event(1, alice)).counts == {"already_there": 1}


def test_what_comes_live_afterwards_is_not_doubled(load, alice):
    event = past_event(1, alice)
    load(event)
    pipeline.process([message(event)], path=Path.SQS)
    assert Notification.objects.count() == 1


def test_an_actor_who_changed_names_makes_no_other_notification(load, alice, bob):
    event = past_event(1, alice, data={"actor": {"id": str(bob.id)}})
    load(event)
    bob.name = "Robert"
    bob.save()
    assert load(event, "").counts == {"already_there": 1}


def test_what_comes_live_afterwards_in_other_words_is_the_same_and_accepted(load, alice, bob):
    event = past_event(1, alice, data={"actor": {"id": str(bob.id)}})
    load(event)
    before = Notification.objects.values().get()
    bob.name = "Robert"
    bob.save()
    assert not pipeline.process([message(event)], path=Path.SQS)
    assert Notification.objects.values().get() == before


def test_a_line_that_stands_twice_counts_once_in_a_batch_and_between_batches(load, alice):
    assert load(*[past_event(1, alice)] * 5, batch_size=2).counts == {"stored": 1, "already_there": 4}


def test_an_id_that_something_else_has_is_reported(load, alice, bob):
    load(past_event(1, alice))
    Notification.objects.update(user=bob)
    loaded = load(past_event(2, alice), past_event(1, alice))
    assert loaded.bad_lines == {2: Rejection.ID_COLLISION}
    assert loaded.counts == {"stored": 1, "malformed": 1}


# --- Bad lines -----------------------------------------------------------------------------------------------

BAD = {
    "{": Rejection.NOT_JSON,
    b'{"id": "\xff"}': Rejection.WRONG_SHAPE,
    "[]": Rejection.WRONG_SHAPE,
    "{}": Rejection.WRONG_SHAPE,
    b"x" * (backfill_files.MAX_LINE_BYTES + 1): Rejection.TOO_LARGE,
}


@pytest.mark.parametrize("bad", BAD, ids=lambda line: repr(line[:15]))
def test_a_bad_line_is_reported_by_number_and_stops_no_other(load, alice, bad):
    loaded = load(past_event(1, alice), "", bad, past_event(2, alice))
    assert loaded.bad_lines == {3: BAD[bad]}
    assert loaded.counts == {"stored": 2, "malformed": 1}
    assert loaded.run.lines == 4


@pytest.mark.parametrize("time", [None, "2999-01-01T00:00:00Z", "2025-11-03T09:30:00", "yesterday"])
def test_history_needs_a_time_in_the_past(load, alice, time):
    assert load(past_event(1, alice, time=time)).bad_lines == {1: Rejection.WRONG_SHAPE}


def test_the_longest_line_is_taken(load, alice):
    event = orjson.dumps(past_event(1, alice))
    assert load(event + b" " * (backfill_files.MAX_LINE_BYTES - len(event))).counts == {"stored": 1}


def test_a_line_that_the_database_refuses_stands_alone(load, alice, monkeypatch):
    insert = backfill_rows.insert

    def refuse(notifications, *, run_id):
        if any(new.event.id == "past-1" for new in notifications):
            raise DataError
        return insert(notifications, run_id=run_id)

    monkeypatch.setattr(backfill_rows, "insert", refuse)
    loaded = load(*(past_event(number, alice) for number in range(3)))
    assert loaded.bad_lines == {2: Rejection.INTERNAL_ERROR}
    assert loaded.counts == {"stored": 2, "malformed": 1}


def test_a_byte_order_mark_and_line_breaks_of_windows_do_no_harm(load, alice):
    event = orjson.dumps(past_event(1, alice))
    loaded = load(b"\xef\xbb\xbf" + event + b"\r", b"\r", orjson.dumps(past_event(2, alice)) + b"\r")
    assert loaded.counts == {"stored": 2}


# --- Batches and resuming ------------------------------------------------------------------------------------


def test_a_batch_ends_when_it_has_rows_enough(load, alice, bob, charlie):
    events = [past_event(1, alice), past_event(2, alice, bob, charlie), past_event(3, alice), past_event(4, alice)]
    assert load(*events, batch_size=3).steps == [2, 2]


def test_a_batch_ends_when_it_has_bytes_enough(load, alice, monkeypatch):
    monkeypatch.setattr(batches, "_MOST_BYTES", 10)
    assert load(past_event(1, alice), past_event(2, alice), batch_size=100).steps == [1, 1]


def test_a_run_goes_on_behind_its_last_commit(load, alice, monkeypatch):
    lines = [past_event(number, alice) for number in range(7)]
    advance = backfill_runs.advance

    def fail_at_the_end(run, *, lines, **fields):
        if lines > 3:
            raise OperationalError
        advance(run, lines=lines, **fields)

    monkeypatch.setattr(backfill_runs, "advance", fail_at_the_end)
    with pytest.raises(OperationalError):
        load(*lines)
    assert Notification.objects.count() == Backfill.objects.get().lines == 3
    monkeypatch.setattr(backfill_runs, "advance", advance)
    assert load(*lines).steps == [3, 1]
    assert Backfill.objects.get().counts == {"stored": 7}


def test_a_changed_file_is_another_run(load, alice):
    load(past_event(1, alice))
    assert load(past_event(1, alice), past_event(2, alice)).counts == {"already_there": 1, "stored": 1}
    assert Backfill.objects.count() == 2


def test_a_run_that_moved_meanwhile_is_left_to_whoever_moved_it(load, alice):
    run = load(past_event(1, alice)).run
    backfill_runs.start_over(run)
    Backfill.objects.update(position=5)
    with pytest.raises(backfill_runs.UnderWay):
        backfill_runs.advance(run, position=10, lines=1, counts={})


# --- Dry runs and undoing ------------------------------------------------------------------------------------


def test_a_rehearsal_finds_the_line_that_cannot_be_stored_and_goes_on(rehearse, alice, monkeypatch):
    render = notification_backfill.render_event

    def fail(event, actors):
        if event.id == "past-1":
            raise ZeroDivisionError
        return render(event, actors)

    monkeypatch.setattr(notification_backfill, "render_event", fail)
    tally = rehearse(*(past_event(number, alice) for number in range(3)))
    assert tally.counts == {"stored": 2, "malformed": 1}
    assert [problem.line for problem in tally.problems] == [2]


def test_a_rehearsal_finds_the_same_and_stores_nothing(load, rehearse, alice, bob):
    known = past_event(1, alice)
    load(known)
    lines = [known, past_event(2, alice), past_event(3, bob, data={"actor": {"id": str(bob.id)}}), "{"]
    rehearsed = rehearse(*lines)
    assert rehearsed.counts == Counter(already_there=1, stored=1, own_action=1, malformed=1)
    assert Notification.objects.count() == 1
    assert load(*lines).counts == rehearsed.counts


def test_undoing_takes_away_what_the_run_stored_and_nothing_else(load, alice):
    other = load(past_event(1, alice)).run
    run = load(past_event(1, alice), *(past_event(number, alice) for number in range(2, 7))).run
    assert list(notification_backfill.undo(run, batch_size=2)) == [2, 2, 1]
    assert Notification.objects.get().backfill == other


def test_what_was_undone_can_be_loaded_anew(load, alice):
    first = load(past_event(1, alice)).run
    list(notification_backfill.undo(first, batch_size=10))
    again = load(past_event(1, alice))
    assert again.counts == {"stored": 1}
    assert again.run != first


def test_an_undoing_that_was_cut_short_can_be_finished_or_loaded_over(load, alice):
    lines = [past_event(number, alice) for number in range(4)]
    run = load(*lines).run
    next(notification_backfill.undo(run, batch_size=3))
    assert load(*lines).counts == {"stored": 3, "already_there": 1}
    list(notification_backfill.undo(run, batch_size=3))
    assert not Notification.objects.exists()


# --- What it costs -------------------------------------------------------------------------------------------


def test_a_batch_takes_as_many_statements_whatever_its_lines(load, alice, django_assert_max_num_queries):
    for lines in (1, 50):
        with django_assert_max_num_queries(13):
            load(*(past_event(100 * lines + number, alice) for number in range(lines)), batch_size=100)


def test_what_is_undone_is_found_by_its_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {backfill_rows._DELETE}", [1, 1000])
        assert "idx_notifications_backfill" in str(cursor.fetchall())

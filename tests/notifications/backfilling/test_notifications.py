import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import OperationalError, connection

from notifications import lag
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.files import examine
from notifications.lag import Lag
from notifications.models import Backfill, Notification
from tests.notifications.backfilling.conftest import ON_TIME
from tests.notifications.backfilling.lines import Ran, past_event, write_lines

pytestmark = pytest.mark.django_db

LATE = Lag(waiting=100, in_flight=0, per_second=1)


@pytest.fixture
def history(tmp_path, alice) -> Path:
    """Three good lines, a bad one between them."""
    events = [past_event(number, alice) for number in range(3)]
    return write_lines(tmp_path / "history.jsonl", [*events[:2], "{", events[2]])


@pytest.fixture
def good_history(tmp_path, alice) -> Path:
    return write_lines(tmp_path / "good.jsonl", [past_event(number, alice) for number in range(5)])


def test_it_reports_what_became_of_the_lines_and_which_were_bad(history):
    ran = Ran("backfill_notifications", history)
    assert (ran.count("stored"), ran.count("already there"), ran.count("malformed")) == (3, 0, 1)
    assert "Line 3: " in ran.err
    assert "(not_json)" in ran.err
    assert ran.exit_code == 1


def test_a_good_file_is_a_success_and_is_done_only_once(good_history):
    first, second = Ran("backfill_notifications", good_history), Ran("backfill_notifications", good_history)
    assert (first.exit_code, second.exit_code) == (0, 0)
    run = Backfill.objects.get()
    assert second.out == f"Done already (run {run.id}).\n"


def test_a_run_that_broke_off_says_where_it_goes_on(good_history, monkeypatch):
    advance = backfill_runs.advance

    def lose_the_database(run, *, lines, **fields):
        if lines > 2:
            raise OperationalError
        advance(run, lines=lines, **fields)

    monkeypatch.setattr(backfill_runs, "advance", lose_the_database)
    broken = Ran("backfill_notifications", good_history, "--batch-size", 2)
    assert broken.err == "PostgreSQL is away (OperationalError). Run it again to go on."
    monkeypatch.setattr(backfill_runs, "advance", advance)
    again = Ran("backfill_notifications", good_history)
    assert f"Continuing at line 3 (run {Backfill.objects.get().id})." in again.out
    assert again.count("stored") == 5


def test_all_bad_lines_go_to_a_file_and_the_first_hundred_to_the_terminal(tmp_path):
    file, errors = write_lines(tmp_path / "bad.jsonl", ["{"] * 120), tmp_path / "bad.errors"
    ran = Ran("backfill_notifications", file, "--errors", errors, "--batch-size", 70)
    assert ran.err.count("Line ") == 100
    listed = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [entry["line"] for entry in listed] == list(range(1, 121))
    assert listed[0].keys() == {"line", "reason", "detail"}


def test_a_run_that_goes_on_keeps_the_bad_lines_that_it_has_listed(tmp_path, monkeypatch):
    file, errors = write_lines(tmp_path / "bad.jsonl", ["{"] * 4), tmp_path / "bad.errors"
    advance, commits = backfill_runs.advance, iter([True, False])
    monkeypatch.setattr(backfill_runs, "advance", lambda run, **to: advance(run, **to) if next(commits) else fail())
    Ran("backfill_notifications", file, "--errors", errors, "--batch-size", 2)
    monkeypatch.setattr(backfill_runs, "advance", advance)
    assert Ran("backfill_notifications", file, "--errors", errors).count("malformed") == 4
    assert {json.loads(line)["line"] for line in errors.read_text().splitlines()} == {1, 2, 3, 4}


def fail():
    raise OperationalError


def test_a_dry_run_says_the_same_and_changes_nothing(history, tmp_path):
    ran = Ran("backfill_notifications", history, "--dry-run", "--errors", tmp_path / "errors")
    assert (ran.count("stored"), ran.count("malformed"), ran.exit_code) == (3, 1, 1)
    assert "done" not in ran.err
    assert json.loads((tmp_path / "errors").read_text())["line"] == 3
    assert not Notification.objects.exists()
    assert not Backfill.objects.exists()


def test_the_file_itself_is_no_place_for_its_bad_lines(history):
    before = history.read_bytes()
    assert Ran("backfill_notifications", history, "--errors", history).exit_code == 1
    assert history.read_bytes() == before


@pytest.mark.parametrize("file", ["-", "nowhere.jsonl", "/dev/null"])
def test_what_cannot_be_read_twice_is_refused(file):
    ran = Ran("backfill_notifications", file)
    assert ran.exit_code == 1
    assert not Backfill.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["file.jsonl", "--undo", 1]])
def test_it_takes_either_a_file_or_a_run_to_undo(arguments):
    assert Ran("backfill_notifications", *arguments).exit_code == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_process_on_the_same_file_is_refused(good_history):
    Ran("backfill_notifications", good_history, "--dry-run")
    run = Backfill.objects.create(
        kind=Backfill.Kind.NOTIFICATIONS, file_name="good.jsonl", file_digest=digest(good_history)
    )

    def second() -> Ran:
        try:
            return Ran("backfill_notifications", good_history)
        finally:
            connection.close()

    with backfill_runs.in_hand(run), ThreadPoolExecutor(1) as other:
        refused = other.submit(second).result()
    assert refused.err == f"Run {run.id} is under way in another process."
    assert Ran("backfill_notifications", good_history).count("stored") == 5


def digest(path: Path) -> bytes:
    return examine(path).digest


# --- Undoing -------------------------------------------------------------------------------------------------


def test_a_run_is_undone_by_its_number_and_only_once(good_history):
    Ran("backfill_notifications", good_history)
    number = Backfill.objects.get().id
    assert Ran("backfill_notifications", "--undo", number, "--batch-size", 2).count("deleted") == 5
    assert not Notification.objects.exists()
    again = Ran("backfill_notifications", "--undo", number)
    assert (again.out, again.exit_code) == (f"Undone already (run {number}).\n", 0)
    assert Ran("backfill_notifications", good_history).count("stored") == 5


def test_a_dry_run_of_undoing_counts(good_history):
    Ran("backfill_notifications", good_history)
    assert (
        Ran("backfill_notifications", "--undo", Backfill.objects.get().id, "--dry-run").count("would be deleted") == 5
    )
    assert Notification.objects.count() == 5


def test_only_notifications_can_be_undone():
    run = Backfill.objects.create(kind=Backfill.Kind.PUSH_TOKENS, file_name="tokens.csv", file_digest=b"")
    assert Ran("backfill_notifications", "--undo", run.id).exit_code == 1
    assert Backfill.objects.get().undone_at is None


# --- Live events first ---------------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch) -> list[Lag]:
    """What the next looks at the queue find; each is asked for as soon as the one before."""
    found: list[Lag] = []
    monkeypatch.setattr(lag, "measure", lambda _: found.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    return found


def test_it_waits_between_batches_while_live_events_are_late(good_history, looks):
    looks += [LATE, LATE, ON_TIME]
    ran = Ran("backfill_notifications", good_history)
    assert ran.err.strip() == "Live events are about 100 s late; waiting for them (--at-full-speed does not)."
    assert (ran.count("stored"), looks) == (5, [])


def test_at_full_speed_it_does_not_look(good_history, looks):
    assert Ran("backfill_notifications", good_history, "--at-full-speed").exit_code == 0


def test_without_the_queue_it_goes_on_and_says_so(good_history, monkeypatch):
    def away(_):
        raise EndpointConnectionError(endpoint_url="")

    monkeypatch.setattr(lag, "measure", away)
    ran = Ran("backfill_notifications", good_history, "--batch-size", 1)
    assert ran.err.count("does not answer") == 1
    assert ran.count("stored") == 5

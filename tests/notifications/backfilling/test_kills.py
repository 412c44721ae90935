"""The promise of the issue: 200,000 rows, two kills, one undo."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from django.db.models import Count

from delivery.models import Delivery
from devstack.child import Child, spawn
from devstack.waiting import wait_until
from notifications import ids
from notifications.models import Backfill, Decision, Notification, ReceivedEvent
from preferences.models import User
from tests.conftest import ROOT, url_of_test_database
from tests.notifications.backfilling.lines import Ran

LINES, PEOPLE = 200_000, 20
START = datetime(2025, 11, 3, tzinfo=UTC)
PATIENCE = 300.0  # seconds; on an idle machine a tenth of it is enough


def write_history(path: Path, people: list[User]) -> set[str]:
    """Write one event a second, each for one of the people, and return the ids of their notifications."""
    expected = set()
    with path.open("wb") as file:
        for number in range(LINES):
            user, time = people[number % PEOPLE], START + timedelta(seconds=number)
            event = {"specversion": "1.0", "id": str(number), "source": "/history", "type": "mentioned", "time": time}
            data = {"recipients": [str(user.id)]}
            file.write(orjson.dumps({**event, "data": data}, option=orjson.OPT_APPEND_NEWLINE))
            expected.add(ids.for_event(source="/history", event_id=str(number), occurred_at=time)(user.id))
    return expected


@pytest.fixture
def start() -> Iterator[Callable[[Path, Path], Child]]:
    """Starts the command on a file, with a log for what it says; none outlives the test."""
    started: list[Child] = []

    def start_one(path: Path, log: Path) -> Child:
        started.append(started_on(path, log))
        return started[-1]

    yield start_one
    for child in started:
        child.stop(patience=0)


def started_on(path: Path, log: Path) -> Child:
    environment = {**os.environ, "DATABASE_URL": url_of_test_database()}
    command = [sys.executable, "manage.py", "backfill_notifications", str(path), "--at-full-speed"]
    with log.open("ab") as output:
        return spawn(command, environment=environment, output=output, directory=ROOT)


def kill_at(line: int, child: Child) -> None:
    """End it as the kernel would, in the middle of things."""
    assert wait_until(lambda: lines_done() >= line or not child.is_alive, seconds=PATIENCE)
    os.killpg(child.process.pid, signal.SIGKILL)
    assert child.process.wait() == -signal.SIGKILL  # it had not come to its end


def lines_done() -> int:
    return Backfill.objects.values_list("lines", flat=True).first() or 0


@pytest.mark.django_db(transaction=True)
def test_a_backfill_of_200000_rows_killed_twice_ends_complete_sends_nothing_and_can_be_undone(tmp_path: Path, start):
    people = [User.objects.create_user(f"p{number}@example.com", name=f"P{number}") for number in range(PEOPLE)]
    file, log = tmp_path / "history.jsonl", tmp_path / "log"
    expected = write_history(file, people)
    for line in (LINES // 4, LINES // 2):
        kill_at(line, start(file, log))
        # At one moment: PostgreSQL may still commit what the dead process had asked for.
        lines, rows = (
            Backfill.objects.annotate(Count("notifications")).values_list("lines", "notifications__count").get()
        )
        assert 0 < lines == rows < LINES
    last = start(file, log)
    assert last.process.wait(timeout=PATIENCE) == 0, log.read_text()
    stored = list(Notification.objects.values_list("id", flat=True))
    assert set(stored) == expected
    assert len(stored) == len(expected) == LINES
    assert log.read_text().count("Continuing at line") == 2
    assert not Notification.objects.filter(read_at=None).exists()
    assert not any(model.objects.exists() for model in (Delivery, Decision, ReceivedEvent))
    run = Backfill.objects.get()
    assert run.counts == {"stored": LINES}
    undone = Ran("backfill_notifications", "--undo", run.id, "--at-full-speed", "--batch-size", 10_000)
    assert undone.exit_code == 0
    assert not Notification.objects.exists()

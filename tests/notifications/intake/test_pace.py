from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from notifications.event_queue import Received
from notifications.intake.pace import Pace, events_in
from preferences import rollout
from preferences.release import EVENTS_PER_SECOND

SECOND = timedelta(seconds=1)
EVENT = '{"specversion": "1.0"}'


def held(events: int, *, ago: timedelta = timedelta(days=1)) -> list[Received]:
    """A message of so long ago with so many events."""
    return [Received("receipt", EVENT * events, timezone.now() - ago)]


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    """Says how long ago the release was."""
    settings.RELEASE_RAMP = timedelta(minutes=1)

    def ago(elapsed: timedelta | None) -> None:
        monkeypatch.setattr(rollout, "since_release", lambda: elapsed)

    return ago


def test_without_a_release_of_late_nobody_waits(released, settings):
    released(None)
    pace = Pace()
    assert [pace.take(held(10_000)) for _ in range(3)] == [timedelta()] * 3
    assert pace.largest_batch == settings.INTAKE_BATCH_MESSAGES


def test_batches_have_their_turns_one_behind_the_other(released):
    released(timedelta())
    pace = Pace()
    turns = [pace.take(held(200)) for _ in range(4)]
    assert turns[0] == timedelta()
    assert turns == sorted(turns)
    assert turns[1] == pytest.approx(0.94 * SECOND, abs=SECOND / 20)
    assert turns[3] < turns[1] * 3  # it goes faster and faster


def test_live_events_wait_for_nobody_and_take_nothing_from_the_others(released):
    released(SECOND)
    pace = Pace()
    assert [pace.take(held(10_000, ago=timedelta())) for _ in range(3)] == [timedelta()] * 3
    assert pace.take(held(1)) == timedelta()


def test_at_the_start_a_batch_is_small_and_grows_to_its_usual_size(released, settings):
    sizes = []
    for seconds in (0, 6, 12, 59):
        released(seconds * SECOND)
        sizes.append(Pace().largest_batch)
    assert sizes == [100, 200, 400, settings.INTAKE_BATCH_MESSAGES]


def test_who_was_idle_or_begins_late_has_not_saved_up(released):
    released(12 * SECOND)
    pace = Pace()
    rate = EVENTS_PER_SECOND * 4
    pace.take(held(round(rate)))
    assert pace.take(held(1)) > SECOND / 4


def test_a_second_release_begins_anew(released):
    released(SECOND)
    pace = Pace()
    pace.take(held(10**7))
    assert pace.take(held(1)) == timedelta(minutes=1) - SECOND
    released(timedelta())
    assert pace.take(held(1)) == timedelta()


@pytest.mark.parametrize(
    ("body", "count"),
    [('{"specversion": "1.0"}', 1), ('[{"specversion":"1.0"},{"specversion" : "1.0"}]', 2), ("not JSON", 1)],
)
def test_a_packed_message_counts_as_its_events(body: str, count: int):
    assert events_in(body) == count

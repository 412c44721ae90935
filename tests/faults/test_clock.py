"""Clocks that jump between two runs of the digests: nobody gets anything twice, and nothing held is forgotten."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery import dispatch
from delivery.models import DIGEST, Delivery, State
from preferences import people
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.delivery.test_digest_properties import Reader, beat, store

pytestmark = pytest.mark.django_db
START = datetime(2025, 3, 29, 8, 30, tzinfo=UTC)  # the night after it the clocks of Europe change
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_emails = (f"clock{number}@example.com" for number in itertools.count(1))

#: What a clock does by itself, and what somebody does to it.
passing = st.integers(1, 36 * 60).map(lambda minutes: minutes * MINUTE)
jumps = st.sampled_from([-HOUR, -MINUTE, HOUR, DAY, -DAY])
moves = st.lists(st.tuples(st.one_of(passing, jumps), st.sampled_from(["item", "beat", "both"])), max_size=12)
preferences = st.fixed_dictionaries(
    {
        "email_digest": st.sampled_from(["hourly", "daily", "weekly"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        "digest_time": st.sampled_from(["00:00", "02:30", "09:00"]),
    }
)


@pytest.fixture(autouse=True)
def _nobody_is_called(monkeypatch) -> None:
    monkeypatch.setattr(dispatch, "wake", lambda due: None)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as travel:
        yield travel


@pytest.fixture
def reader() -> Reader:
    return Reader()


def reads(frequency: str, **more) -> User:
    return User.objects.create_user(
        next(_emails), name="Alice", notification_preferences={"email_digest": frequency, **more}
    )


def came_once(reader: Reader, *items: Delivery) -> bool:
    """Whether each of these came in exactly one digest, and nothing else came."""
    return reader.read == Counter({item.id: 1 for item in items})


def periods() -> Counter[tuple[object, datetime]]:
    return Counter(Delivery.objects.filter(type=DIGEST).values_list("user_id", "due_at"))


def test_a_clock_set_back_an_hour_sends_no_digest_a_second_time(clock, reader):
    item = store(reads("hourly"))
    clock.shift(HOUR)
    beat(reader)
    clock.shift(-HOUR)
    beat(reader)
    clock.shift(HOUR)
    beat(reader)
    assert came_once(reader, item)


def test_what_is_held_in_an_hour_that_comes_again_goes_into_the_next_digest(clock, reader):
    user = reads("hourly")
    first = store(user)
    clock.shift(HOUR)
    beat(reader)
    clock.shift(-HOUR)
    second = store(user)
    assert second.due_at == first.due_at
    for _ in range(2):
        clock.shift(HOUR)
        beat(reader)
    assert came_once(reader, first, second)
    assert set(periods().values()) == {1}


def test_a_clock_put_forward_a_day_and_back_sends_each_item_once(clock, reader):
    user = reads("daily")
    today = store(user)
    clock.shift(DAY)
    beat(reader)
    tomorrow = store(user)
    clock.shift(-DAY)
    again = store(user)
    for _ in range(4):
        clock.shift(DAY)
        beat(reader)
    assert came_once(reader, today, tomorrow, again)
    assert set(periods().values()) == {1}


def test_days_that_were_left_out_are_one_digest(clock, reader):
    items = []
    user = reads("daily")
    for _ in range(3):
        items.append(store(user))
        clock.shift(DAY)
    beat(reader)
    assert came_once(reader, *items)
    assert len(reader.digests) == 1


def test_the_night_in_which_summer_begins_has_one_digest_where_its_time_is_left_out(clock, reader):
    user = reads("daily", timezone="Europe/Berlin", digest_time="02:30")
    item = store(user)
    assert item.due_at == datetime(2025, 3, 30, 1, tzinfo=UTC)
    for _ in range(48):
        clock.shift(HOUR)
        beat(reader)
    assert came_once(reader, item)


def test_the_night_in_which_summer_ends_has_one_digest_where_its_time_comes_twice(clock, reader):
    clock.move_to(datetime(2025, 10, 25, 8, 30, tzinfo=UTC))
    user = reads("daily", timezone="Europe/Berlin", digest_time="02:30")
    items = []
    for _ in range(48):
        items.append(store(user))
        clock.shift(HOUR)
        beat(reader)
    clock.shift(DAY)
    beat(reader)
    assert came_once(reader, *items)
    assert {due_at for _, due_at in periods()} == {
        datetime(2025, 10, day, hour, minute, tzinfo=UTC)
        for day, hour, minute in [(26, 0, 30), (27, 1, 30), (28, 1, 30)]
    }


def test_a_choice_made_while_the_clock_was_set_back_is_heeded_when_the_digest_goes_out(clock, reader):
    user = reads("daily")
    item = store(user)
    clock.shift(-HOUR)
    people.store_choices(user.id, Choices(email_digest=DigestFrequency.NEVER))
    clock.shift(2 * DAY)
    beat(reader)
    assert reader.read == Counter()
    item.refresh_from_db()
    assert item.state == State.SUPPRESSED


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=preferences, course=moves)
def test_however_the_clock_jumps_each_held_item_comes_exactly_once(stored, course):
    user = User.objects.create_user(next(_emails), name="Alice", notification_preferences=stored)
    reader, items = Reader(), []
    with time_machine.travel(START, tick=False) as clock:
        for step, what in course:
            clock.shift(step)
            if what != "beat":
                items.append(store(user))
            if what != "item":
                beat(reader)
        for _ in range(4):  # each run may find a period that was made before, and move to the next one
            clock.shift(8 * DAY)
            beat(reader)
    assert came_once(reader, *items)
    assert not Delivery.objects.filter(user=user).exclude(state=State.SENT).exists()

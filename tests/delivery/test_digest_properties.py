import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery import attempts, digests, dispatch
from delivery.models import DIGEST, Delivery, State
from delivery.transports.contract import Result
from preferences import choices
from preferences.catalog import Channel
from preferences.models import User
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db
START = datetime(2025, 3, 27, tzinfo=UTC)  # some days before most clocks of Europe change
ONE_WEEK, TEN_DAYS = 7 * 24 * 60, 10 * 24 * 60  # minutes
_emails = (f"reader{number}@example.com" for number in itertools.count(1))

#: Minutes after START at which something happens. Beat runs at its own, whatever lies between them.
stored_at = st.lists(st.integers(0, ONE_WEEK), min_size=1, max_size=6)
beats_at = st.lists(st.integers(0, TEN_DAYS), max_size=8)
preferences = st.fixed_dictionaries(
    {
        "email_digest": st.sampled_from(["hourly", "daily", "weekly"]),
        "timezone": st.sampled_from(
            ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
        ),
        "digest_time": st.sampled_from(["00:00", "02:30", "09:00", "23:45"]),
    }
)


class Reader:
    """Takes every digest, and counts how often each item came in one."""

    def __init__(self) -> None:
        self.read: Counter[int] = Counter()
        self.digests: list[int] = []

    def send(self, chunk):
        for outgoing in chunk:
            assert outgoing.items
            self.digests.append(outgoing.delivery.id)
            self.read.update(item.id for item in outgoing.items)
            yield Result(outgoing, f"message {outgoing.delivery.id}")


@pytest.fixture(autouse=True)
def _nobody_is_called(monkeypatch) -> None:
    monkeypatch.setattr(dispatch, "wake", lambda due: None)


def store(user: User) -> Delivery:
    """Hold an item as the pipeline would do it now."""
    now = timezone.now()
    due_at = choices.from_stored(user.notification_preferences).next_digest_at(now)
    return delivery(user, state=State.HELD, due_at=due_at, occurred_at=now, updated_at=now)


def beat(reader: Reader, *, twice: bool = False) -> None:
    """Collect what is due, and send what was collected."""
    for _ in range(1 + twice):
        digests.collect()
    waiting = Delivery.objects.filter(type=DIGEST, state=State.PENDING).values_list("id", flat=True)
    attempts.attempt(Channel.EMAIL, list(waiting), lambda: reader)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=preferences, item_times=stored_at, beat_times=beats_at, twice=st.booleans())
def test_however_long_beat_was_down_each_held_item_comes_exactly_once(stored, item_times, beat_times, twice):
    user = User.objects.create_user(next(_emails), name="Alice", notification_preferences=stored)
    reader, items = Reader(), []
    moments = sorted([(minute, "item") for minute in item_times] + [(minute, "beat") for minute in beat_times])
    with time_machine.travel(START, tick=False) as clock:
        for minute, what in [*moments, (TEN_DAYS + ONE_WEEK, "beat")]:
            clock.move_to(START + timedelta(minutes=minute))
            if what == "beat":
                beat(reader, twice=twice)
            else:
                items.append(store(user))
    assert reader.read == Counter({item.id: 1 for item in items})
    assert not Delivery.objects.filter(user=user).exclude(state=State.SENT).exists()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=preferences, item_times=stored_at)
def test_a_beat_that_is_never_down_sends_one_digest_a_period(stored, item_times):
    user = User.objects.create_user(next(_emails), name="Alice", notification_preferences=stored)
    reader, periods = Reader(), set()
    with time_machine.travel(START, tick=False) as clock:
        for minute in sorted(item_times):
            for due in sorted(due for due in periods if due <= START + timedelta(minutes=minute)):
                clock.move_to(due)
                beat(reader)
            clock.move_to(START + timedelta(minutes=minute))
            periods.add(store(user).due_at)
        for due in sorted(periods):
            clock.move_to(max(due, timezone.now()))
            beat(reader)
    assert len(reader.digests) == len(set(reader.digests)) == len(periods)

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from delivery.models import DIGEST, Delivery, SesMessage, State
from devstack.waiting import wait_until
from notifications import ids, tasks
from notifications.checks import check_retention
from notifications.models import Decision, Forecast, Notification, Path, ReceivedEvent, RejectedEvent, Rejection
from notifications.upkeep import removal, retention
from notifications.upkeep.removal import Pruned
from preferences.decisions import Reason
from preferences.models import User
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OLD = 400 * DAY
IN_FLIGHT = {State.HELD, State.PENDING, State.SENDING}
_numbers = count(1)


def ago(age: timedelta) -> datetime:
    return timezone.now() - age


def event(age: timedelta, *, decisions: int = 0) -> ReceivedEvent:
    entry = ReceivedEvent.objects.create(
        source="/tests", event_id=f"evt_{next(_numbers)}", type="task_assigned", occurred_at=ago(age),
        received_at=ago(age), path=Path.SQS, payload={},
    )  # fmt: skip
    for number in range(decisions):
        decide(entry, UUID(int=number + 1))
    return entry


def decide(entry: ReceivedEvent, user_id: UUID) -> Decision:
    reason = Reason.UNKNOWN_USER
    return Decision.objects.create(event=entry, user_id=user_id, in_app=reason, email=reason, push=reason)


def rejected(age: timedelta) -> RejectedEvent:
    return RejectedEvent.objects.create(
        reason=Rejection.NOT_JSON, detail="", body=b"", body_digest=uuid4().bytes, path=Path.SQS, rejected_at=ago(age)
    )


def sent(user: User, age: timedelta, **changes) -> Delivery:
    return delivery(user, **{"state": State.SENT, "created_at": ago(age), **changes})


def notified(user: User, age: timedelta, *, occurred: timedelta | None = None) -> Notification:
    id_of = ids.for_event(source="/tests", event_id=str(next(_numbers)), occurred_at=ago(occurred or age))
    return Notification.objects.create(
        id=id_of(user.id), user=user, type="task_assigned", title="Title", body="", created_at=ago(age)
    )


def forecast(age: timedelta) -> Forecast:
    return Forecast.objects.create(type="mentioned", defaults={}, finished_at=ago(age))


def prune(**options) -> dict[str, int]:
    """Prune to the end; return how many rows went, by table."""
    gone: Counter[str] = Counter()
    for some in retention.prune(**options):
        gone[some.table] += some.rows
    return dict(+gone)


KINDS: dict[str, tuple[Callable, timedelta]] = {
    "ledger": (lambda _, age: event(age), settings.LEDGER_RETENTION),
    "rejected": (lambda _, age: rejected(age), settings.REJECTED_RETENTION),
    "deliveries": (sent, settings.DELIVERY_RETENTION),
    "notifications": (notified, settings.NOTIFICATION_RETENTION),
    "SES": (lambda _, age: SesMessage.objects.create(id=uuid4(), received_at=ago(age)), settings.SES_MESSAGE_RETENTION),
    "forecasts": (lambda _, age: forecast(age), settings.FORECAST_RETENTION),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_older_than_its_retention_goes_and_nothing_younger(alice, kind):
    plant, kept = KINDS[kind]
    plant(alice, kept + MINUTE)
    young = plant(alice, kept - MINUTE)
    assert list(prune().values()) == [1]
    assert list(type(young).objects.all()) == [young]


def test_the_defaults_are_the_spec_s():
    names = ("LEDGER", "REJECTED", "DELIVERY", "NOTIFICATION", "SES_MESSAGE", "FORECAST")
    assert [getattr(settings, f"{name}_RETENTION").days for name in names] == [30, 30, 90, 365, 14, 30]


def test_decisions_go_with_their_event_whenever_they_were_made():
    entry, young = event(OLD, decisions=2), event(MINUTE, decisions=2)
    assert prune() == {"received_events": 1, "decisions": 2}
    assert entry.decisions.count() == 0
    assert young.decisions.count() == 2


def test_the_decisions_of_a_large_event_go_a_batch_at_a_time():
    event(OLD, decisions=7)
    gone = [some.rows for some in retention.prune(batch=3) if some.table == "decisions"]
    assert gone == [3, 3, 1]


def test_a_decision_added_meanwhile_keeps_its_event_until_the_next_time():
    entry = event(OLD, decisions=1)
    pruning = retention.prune()
    assert next(pruning) == Pruned("decisions", 1)
    decide(entry, UUID(int=99))
    assert sum(some.rows for some in pruning) == 0
    assert prune() == {"received_events": 1, "decisions": 1}


@pytest.mark.parametrize("state", State)
def test_what_is_still_to_be_sent_stays_however_old(alice, state):
    sent(alice, OLD, state=state)
    prune()
    assert Delivery.objects.exists() == (state in IN_FLIGHT)


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_digest_goes_with_all_that_it_gathered_or_after_it(alice, batch):
    before = sent(alice, OLD)
    digest = sent(alice, OLD, type=DIGEST)
    after = sent(alice, OLD, digest=digest)
    Delivery.objects.filter(id=before.id).update(digest=digest)
    assert sum(prune(batch=batch).values()) + sum(prune(batch=batch).values()) == 3
    assert not Delivery.objects.filter(id__in=[before.id, digest.id, after.id]).exists()


@pytest.mark.parametrize("changes", [{"state": State.HELD}, {"created_at": ago(MINUTE)}])
def test_a_digest_stays_while_anything_that_it_gathered_does(alice, changes):
    digest = sent(alice, OLD, type=DIGEST)
    item = sent(alice, OLD, **{**changes, "digest": digest})
    sent(alice, OLD, digest=digest)
    assert prune() == {"deliveries": 1}
    assert set(Delivery.objects.all()) == {digest, item}


def test_what_was_stored_long_after_its_event_is_as_old_as_its_row(alice):
    late = notified(alice, MINUTE, occurred=OLD)
    notified(alice, OLD)
    assert prune() == {"notifications": 1}
    assert list(Notification.objects.all()) == [late]


def test_a_forecast_that_is_still_counted_stays():
    Forecast.objects.create(type="mentioned", defaults={}, created_at=ago(OLD))
    assert prune() == {}


def plant_everything(user: User) -> dict[str, int]:
    """Plant three old rows of each kind and a young one; return what is to go."""
    for age in (OLD, OLD, OLD, MINUTE):
        for plant, _ in KINDS.values():
            plant(user, age)
        event(age, decisions=2)
    rows = {"received_events": 6, "decisions": 6}
    return {**rows, **dict.fromkeys(retention.TABLES[2:], 3)}


def test_a_dry_run_counts_the_same_and_changes_nothing(alice):
    expected = plant_everything(alice)
    assert prune(batch=2, dry_run=True) == expected
    assert prune(batch=2) == expected
    assert prune() == {}


def test_a_dry_run_counts_no_more_than_it_should(alice, monkeypatch):
    monkeypatch.setattr(removal, "MOST_COUNTED", 2)
    plant_everything(alice)
    assert prune(batch=1, dry_run=True) == dict.fromkeys(retention.TABLES, 2)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_after_each_batch_ends_where_one_run_does(alice):
    expected = plant_everything(alice)
    gone: Counter[str] = Counter()
    while some := next((some for some in retention.prune(batch=1) if some.rows), None):
        gone[some.table] += some.rows
    assert dict(gone) == expected


@pytest.mark.django_db(transaction=True)
def test_two_that_prune_at_once_do_each_other_no_harm(alice):
    expected = plant_everything(alice)
    with ThreadPoolExecutor(2) as threads:
        gone = threads.map(lambda _: Counter(in_a_thread(lambda: prune(batch=1))), range(2))
        assert dict(sum(gone, Counter())) == expected


@pytest.mark.django_db(transaction=True)
def test_what_is_retried_at_the_same_moment_stays(alice):
    mail = sent(alice, OLD, state=State.FAILED)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            Delivery.objects.filter(id=mail.id).update(state=State.PENDING)
            pruned = thread.submit(in_a_thread, prune)
            assert wait_until(somebody_waits_for_a_row, seconds=10)
        assert pruned.result() == {}
    assert Delivery.objects.get().state == State.PENDING


def in_a_thread(work: Callable[[], dict[str, int]]) -> dict[str, int]:
    try:
        return work()
    finally:
        connection.close()


def somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


# --- The task --------------------------------------------------------------------------------------------------


@pytest.fixture
def called(monkeypatch) -> list[tuple[str, str]]:
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, queue: calls.append((name, queue)))
    return calls


def test_the_task_prunes_to_the_end_when_it_has_the_time(alice, called):
    plant_everything(alice)
    tasks.prune()
    assert prune() == {}
    assert called == []


def test_a_task_whose_time_is_up_calls_the_next_one(called, monkeypatch):
    monkeypatch.setattr(retention, "SLICE", timedelta())
    event(OLD)
    rejected(OLD)
    tasks.prune()
    assert called == [("notifications.prune", settings.MAINTENANCE_QUEUE)]
    assert not ReceivedEvent.objects.exists()
    assert RejectedEvent.objects.exists()


def test_a_task_that_finds_nothing_calls_nobody_however_long_it_looked(alice, called, monkeypatch):
    monkeypatch.setattr(retention, "SLICE", timedelta())
    sent(alice, OLD, state=State.HELD)
    tasks.prune()
    assert called == []


def test_a_broker_that_is_away_leaves_the_rest_for_the_next_day(monkeypatch):
    def fail(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(current_app, "send_task", fail)
    monkeypatch.setattr(retention, "SLICE", timedelta())
    event(OLD)
    tasks.prune()
    assert not ReceivedEvent.objects.exists()


def test_beat_calls_the_task_every_night():
    entry = settings.CELERY_BEAT_SCHEDULE["prune"]
    assert entry["task"] == tasks.prune.name
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({3}, {30})


@pytest.mark.parametrize("days", [0, -1])
def test_a_retention_that_would_take_the_rows_of_today_is_refused(settings: Settings, days):
    assert check_retention() == []
    settings.LEDGER_RETENTION = days * DAY
    (error,) = check_retention()
    assert (error.id, error.msg) == ("notifications.E001", "LEDGER_RETENTION_DAYS keeps rows for less than a day.")

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery import answers
from delivery.answers import Answers, Outcome
from delivery.models import Delivery, State
from delivery.outcomes import Change
from delivery.transports.registry import OUTBOUND
from devstack.waiting import wait_until
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User
from tests.delivery.rows import delivery, states
from tests.postgres_defaults import defaults

pytestmark = pytest.mark.django_db
SENT = Change(State.SENT, {"provider_id": "theirs"})


@pytest.fixture
def together(monkeypatch) -> int:
    """How many answers go on record together."""
    few = {channel: replace(outbound, recorded_together=3) for channel, outbound in OUTBOUND.items()}
    monkeypatch.setattr(answers, "OUTBOUND", few)
    return 3


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The monotonic clock of the answers, in seconds."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(answers, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def sending(user: User, **changes) -> Delivery:
    return delivery(user, **{"state": State.SENDING, "attempts": 1, **changes})


def outcome(row: Delivery, change: Change = SENT, at: datetime | None = None) -> Outcome:
    return Outcome(row, change, at or timezone.now())


def recorded(*outcomes: Outcome) -> None:
    waiting = Answers(Channel.EMAIL)
    for one in outcomes:
        waiting.add(one)
    waiting.flush()


def test_answers_wait_for_each_other_and_go_on_record_in_one_statement(alice, together):
    rows = [sending(alice) for _ in range(together)]
    waiting = Answers(Channel.EMAIL)
    with CaptureQueriesContext(connection) as statements:
        for row in rows:
            assert states(*rows) == [State.SENDING] * together
            waiting.add(outcome(row))
    assert states(*rows) == [State.SENT] * together
    assert len([one for one in statements if one["sql"].lstrip().startswith("UPDATE")]) == 1


def test_one_that_finds_no_company_waits_for_a_moment_only(alice, together, clock):
    row, waiting = sending(alice), Answers(Channel.EMAIL)
    waiting.add(outcome(row))
    waiting.flush_when_due()
    assert states(row) == [State.SENDING]
    clock.now += answers.PATIENCE.total_seconds()
    waiting.flush_when_due()
    assert states(row) == [State.SENT]


def test_the_moment_is_counted_from_the_first_that_waits(alice, together, clock):
    rows, waiting = [sending(alice) for _ in range(2)], Answers(Channel.EMAIL)
    waiting.add(outcome(rows[0]))
    clock.now += answers.PATIENCE.total_seconds()
    waiting.add(outcome(rows[1]))
    waiting.flush_when_due()
    assert states(*rows) == [State.SENT, State.SENT]


def test_of_answers_together_only_those_that_are_still_ours_are_recorded_and_told(alice, monkeypatch):
    told: list[int] = []
    monkeypatch.setattr(answers.delivery_metrics, "sent", lambda one, at: told.append(one.id))
    ours, theirs, later = (sending(alice) for _ in range(3))
    Delivery.objects.filter(id=theirs.id).update(state=State.SENDING, attempts=2)
    Delivery.objects.filter(id=later.id).update(state=State.DELIVERED)
    recorded(*map(outcome, (ours, theirs, later)))
    assert states(ours, theirs, later) == [State.SENT, State.SENDING, State.DELIVERED]
    assert told == [ours.id]


def test_each_row_gets_its_own_columns_and_keeps_what_its_outcome_does_not_name(alice):
    soon, now = timezone.now() + timedelta(minutes=5), timezone.now()
    first, again = sending(alice), sending(alice, provider_error="greylisted", devices={"tablet": "accepted"})
    wanted = {"provider_id": "1", "devices": {"phone": "accepted"}, "sent_at": now}
    recorded(
        outcome(first, Change(State.SENT, wanted)),
        outcome(again, Change(State.PENDING, {"attempts": 0, "due_at": soon})),
    )
    for row in (first, again):
        row.refresh_from_db()
    assert {name: getattr(first, name) for name in wanted} == wanted
    assert (again.attempts, again.due_at, again.provider_error) == (0, soon, "greylisted")
    assert again.devices == {"tablet": "accepted"}


def test_what_an_answer_says_may_hold_quotes_percents_and_any_letter(alice):
    row, code = sending(alice), 'it\'s 100 % "no"\\ \N{SNOWMAN}'
    recorded(outcome(row, Change(State.FAILED, {"provider_error": code})))
    row.refresh_from_db()
    assert row.provider_error == code


@pytest.mark.parametrize(("state", "error"), [(State.SENT, ""), (State.PENDING, "greylisted")])
def test_an_earlier_refusal_goes_once_it_was_sent(alice, state, error):
    row = sending(alice, provider_error="greylisted")
    recorded(outcome(row, Change(state, {})))
    row.refresh_from_db()
    assert row.provider_error == error


def test_what_the_provider_reported_while_it_was_being_sent_stays(alice):
    row = sending(alice, provider_error="greylisted")
    Delivery.objects.filter(id=row.id).update(provider_error="DeliveryDelay, MailboxFull")
    recorded(outcome(row))
    row.refresh_from_db()
    assert row.provider_error == "DeliveryDelay, MailboxFull"


@pytest.mark.parametrize(("state", "reason"), [(State.SENT, ""), (State.FAILED, Reason.ALREADY_READ)])
def test_that_it_was_read_stays_on_record_unless_it_was_sent(alice, state, reason):
    row = sending(alice, reason=Reason.ALREADY_READ)
    recorded(outcome(row, Change(state, {})))
    row.refresh_from_db()
    assert row.reason == reason


def test_a_digest_among_others_takes_along_what_it_gathers_and_nothing_else(alice):
    now = timezone.now()
    digest, single = sending(alice, type="digest"), sending(alice)
    item, other = delivery(alice, state=State.HELD, digest=digest), delivery(alice, state=State.HELD)
    recorded(outcome(single), outcome(digest, Change(State.SENT, {"sent_at": now})))
    assert states(digest, single, item, other) == [State.SENT, State.SENT, State.SENT, State.HELD]
    item.refresh_from_db()
    assert item.sent_at == now


def test_a_digest_that_another_worker_has_takes_nothing_along(alice):
    digest = sending(alice, type="digest")
    item = delivery(alice, state=State.HELD, digest=digest)
    Delivery.objects.filter(id=digest.id).update(attempts=2)
    recorded(outcome(digest), outcome(sending(alice)))
    assert states(digest, item) == [State.SENDING, State.HELD]


def test_an_item_that_is_not_wanted_keeps_its_own_end_beside_its_digest(alice):
    digest = sending(alice, type="digest")
    refused, kept = (delivery(alice, state=State.HELD, digest=digest) for _ in range(2))
    recorded(outcome(refused, Change(State.SUPPRESSED, {"reason": Reason.PREFERENCE_OFF})), outcome(digest))
    assert states(refused, kept) == [State.SUPPRESSED, State.SENT]


def test_with_nothing_to_record_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        Answers(Channel.PUSH).flush()


# --- While nobody takes writes -------------------------------------------------------------------------------


def recorded_elsewhere(one: Outcome) -> None:
    try:
        recorded(one)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_answer_waits_for_a_server_that_takes_no_writes_and_nobody_sends_again(alice, caplog):
    row = sending(alice)
    with ThreadPoolExecutor(1) as thread:
        with defaults("default_transaction_read_only = on"):  # a replica that is to be promoted
            recording = thread.submit(recorded_elsewhere, outcome(row))
            assert wait_until(lambda: "answer waits" in caplog.text or recording.done(), seconds=60)
        recording.result(timeout=60)
    assert states(row) == [State.SENT]

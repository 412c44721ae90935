import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta

import boto3
import httpx
import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from notifications import pipeline, records, rejections, waiting_events
from notifications.event_messages import read_message
from notifications.event_queue import MAX_RECEIVES
from notifications.events import Event, Rejected
from notifications.intake.intake import Intake
from notifications.models import Notification, Path, ReceivedEvent, RejectedEvent, WaitingEvent
from notifications.waiting_events import WaitingEvents
from preferences.authentication import issue_service_token
from tests.bells import open_bell
from tests.cloudevents import cloudevent, event_for, message
from tests.conftest import running_process
from tests.notifications import intakes
from tests.notifications.intakes import soon, stored, turn

pytestmark = pytest.mark.django_db(transaction=True)


def store(*events) -> None:
    sent = message(*events)
    parts = read_message(sent.body, sent_at=sent.sent_at, now=sent.sent_at)
    waiting_events.store([part for part in parts if isinstance(part, Event)], [])
    assert not any(isinstance(part, Rejected) for part in parts)


def several(user, count) -> list:
    return [event_for(user, id=str(number)) for number in range(count)]


def running() -> AbstractContextManager[Intake]:
    return intakes.running(WaitingEvents(), path=Path.HTTP, receivers=1, processors=1)


def nothing_waits() -> bool:
    return not WaitingEvent.objects.exists()


# --- A queue -------------------------------------------------------------------------------------------------


def test_events_are_received_in_their_order_with_the_time_of_their_acceptance(alice):
    store(*several(alice, 3))
    received = WaitingEvents().receive()
    assert [entry.sent_at for entry in received] == list(
        WaitingEvent.objects.order_by("id").values_list("accepted_at", flat=True)
    )
    assert ['"id":"0"' in received[0].body, '"id":"2"' in received[2].body] == [True, True]


def test_what_one_has_in_hand_no_other_receives(alice):
    store(*several(alice, 250))
    hands = [WaitingEvents().receive() for _ in range(4)]
    assert [len(hand) for hand in hands] == [100, 100, 50, 0]
    assert len({entry.receipt for hand in hands for entry in hand}) == 250


def test_receivers_at_the_same_time_neither_share_nor_wait(alice):
    store(*several(alice, 1_000))

    def receive(_) -> list[str]:
        try:
            return [entry.receipt for entry in WaitingEvents().receive()]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        receipts = [receipt for hand in threads.map(receive, range(40)) for receipt in hand]
    assert len(receipts) == len(set(receipts)) == 1_000


def test_rows_that_are_locked_are_passed_over(alice):
    store(*several(alice, 2))
    with transaction.atomic():
        WaitingEvent.objects.select_for_update().order_by("id").first()
        with ThreadPoolExecutor(1) as thread:
            [received] = thread.submit(_receive_elsewhere).result(timeout=10)
    assert '"id":"1"' in received.body


def _receive_elsewhere():
    try:
        return WaitingEvents().receive()
    finally:
        connection.close()


def test_a_lease_that_has_run_out_gives_its_events_to_others(alice, settings):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=0.3)
    store(*several(alice, 3))
    assert len(WaitingEvents().receive()) == 3
    assert soon(lambda: len(WaitingEvents().receive()) == 3)


def test_a_lease_is_prolonged_from_now(alice, settings):
    store(event_for(alice))
    [received] = WaitingEvents().receive()
    first = WaitingEvent.objects.get().taken_until
    WaitingEvents().keep([received.receipt])
    assert WaitingEvent.objects.get().taken_until > first


def test_what_is_put_back_is_there_at_once_and_what_is_deleted_is_gone(alice):
    store(*several(alice, 2))
    first, second = WaitingEvents().receive()
    assert WaitingEvents().put_back([first.receipt]) == WaitingEvents().delete([second.receipt]) == 0
    assert [entry.receipt for entry in WaitingEvents().receive()] == [first.receipt]


def test_it_can_be_told_how_much_waits_and_since_when(alice):
    assert (waiting_events.waiting().events, waiting_events.waiting().since) == (0, None)
    store(*several(alice, 3))
    assert waiting_events.waiting().events == 3
    assert waiting_events.waiting().since == WaitingEvent.objects.order_by("id").first().accepted_at


def test_a_receive_ends_where_the_bodies_become_many_megabytes(alice):
    long = {"params": {"excerpt": "x" * 900_000}}
    for number in range(12):
        store(event_for(alice, id=str(number), data=long))
    assert [len(WaitingEvents().receive()) for _ in range(3)] == [10, 2, 0]


def test_a_look_finds_the_first_through_the_key(alice):
    store(*several(alice, 2_000))
    WaitingEvents().receive()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE waiting_events")
        cursor.execute(f"EXPLAIN {waiting_events._TAKE}", {"events": 100, "bytes": 1_000_000, "seconds": 60.0})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using waiting_events_pkey" in plan
    assert "Seq Scan" not in plan


def expire_leases() -> None:
    WaitingEvent.objects.update(taken_until=timezone.now() - timedelta(seconds=1))


def test_what_was_in_hand_in_five_crashes_is_rejected_and_holds_nobody_up(alice, caplog):
    store(event_for(alice, id="culprit"))
    for _ in range(MAX_RECEIVES):
        assert len(WaitingEvents().receive()) == 1
        expire_leases()
    store(event_for(alice, id="fresh"))
    [received] = WaitingEvents().receive()
    assert '"id":"fresh"' in received.body
    assert [waiting.body for waiting in WaitingEvent.objects.all()] == [received.body]
    rejected = RejectedEvent.objects.get()
    assert (rejected.path, rejected.reason, rejected.event_id) == ("http", "internal_error", "culprit")
    assert (rejected.source, "5 times" in rejected.detail) == ("/services/tasks", True)
    assert [record.event_id for record in caplog.records if record.msg == "event rejected"] == ["culprit"]


def test_what_is_given_up_can_be_replayed(alice):
    store(event_for(alice))
    for _ in range(MAX_RECEIVES + 1):
        WaitingEvents().receive()
        expire_leases()
    assert rejections.replay(RejectedEvent.objects.get())
    assert Notification.objects.count() == 1


def test_what_cannot_be_kept_as_rejected_still_waits(alice, monkeypatch):
    store(event_for(alice))
    for _ in range(MAX_RECEIVES):
        WaitingEvents().receive()
        expire_leases()
    monkeypatch.setattr(records, "record_rejections", fail_as_an_outage)
    with pytest.raises(OperationalError):
        WaitingEvents().receive()
    assert WaitingEvent.objects.count() == 1


def fail_as_an_outage(*_) -> None:
    raise OperationalError("gone")


def test_to_be_put_back_counts_as_no_receive(alice):
    store(event_for(alice))
    for _ in range(2 * MAX_RECEIVES):
        [received] = WaitingEvents().receive()
        WaitingEvents().put_back([received.receipt])
    assert len(WaitingEvents().receive()) == 1


# --- The drain -----------------------------------------------------------------------------------------------


def test_an_event_goes_into_the_inbox_and_the_table_is_empty_again(alice):
    with running():
        store(event_for(alice))
        assert soon(stored(1))
        assert soon(nothing_waits)
    assert ReceivedEvent.objects.get().path == "http"


def test_an_event_without_a_time_happened_when_it_was_accepted(alice):
    store(event_for(alice, time=None))
    accepted_at = WaitingEvent.objects.get().accepted_at
    with running():
        assert soon(stored(1))
    assert ReceivedEvent.objects.get().occurred_at == accepted_at


def test_hundreds_are_taken_by_several_intakes_once_each(alice):
    store(*several(alice, 600))
    with running(), running():
        assert soon(stored(600), seconds=30)
        assert soon(nothing_waits)
    assert ReceivedEvent.objects.count() == 600


def test_the_same_event_by_both_ways_is_one_notification(alice):
    events = several(alice, 20)
    pipeline.process([message(*events[:10])], path=Path.SQS)
    with running():
        store(*events)
        store(*events)
        assert soon(nothing_waits)
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 20
    assert ReceivedEvent.objects.filter(path=Path.SQS).count() == 10


def test_the_kill_switch_holds_what_waits_and_lets_it_go_on_release(alice):
    turn(kill_switch=True)
    with running():
        store(event_for(alice))
        assert not soon(lambda: not WaitingEvent.objects.filter(taken_until=None).exists(), seconds=2)
        turn(kill_switch=False)
        assert soon(stored(1))


def test_an_event_that_makes_the_pipeline_fail_is_rejected_alone(alice, monkeypatch):
    render = pipeline.render_event

    def fail_for_one(event, actors):
        if event.id == "3":
            raise ValueError("a fault that this event brings to light")
        return render(event, actors)

    monkeypatch.setattr(pipeline, "render_event", fail_for_one)
    store(*several(alice, 10))
    with running():
        assert soon(nothing_waits)
    assert Notification.objects.count() == 9
    rejected = RejectedEvent.objects.get()
    assert (rejected.path, rejected.reason, rejected.event_id) == ("http", "internal_error", "3")


def test_what_ends_the_intake_again_and_again_is_rejected_at_last(alice, settings, monkeypatch):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=0.3)
    process = pipeline.process

    def die_of_the_culprit(messages, *, path):
        if any('"id":"culprit"' in sent.body for sent in messages):
            raise RuntimeError("a fault that nobody foresaw")
        return process(messages, path=path)

    monkeypatch.setattr(pipeline, "process", die_of_the_culprit)
    store(event_for(alice, id="culprit"))
    for _ in range(MAX_RECEIVES):
        assert ends_of_itself(Intake(WaitingEvents(), path=Path.HTTP, receivers=1, processors=1))
    with running():
        store(event_for(alice, id="good"))
        assert soon(nothing_waits)
    assert RejectedEvent.objects.get().event_id == "culprit"
    assert ReceivedEvent.objects.get().event_id == "good"


def ends_of_itself(intake) -> bool:
    intake.start()
    return not intake.join()


def test_postgresql_away_loses_nothing(alice, servers, settings):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=2)
    with running():
        store(event_for(alice, id="before"))
        assert soon(stored(1))
        store(*several(alice, 30))
        servers.postgres.stop()
        with pytest.raises(OperationalError):
            store(event_for(alice, id="during"))
        servers.postgres.start()
        connection.close()  # ours broke with the others
        assert soon(stored(31), seconds=20)
        assert soon(nothing_waits)


def test_what_is_in_hand_is_kept_after_an_outage_as_before(alice, servers, settings, monkeypatch):
    settings.INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=2)
    done, kept, keep = threading.Event(), list[int](), WaitingEvents.keep
    monkeypatch.setattr(pipeline, "process", lambda *_, **__: done.wait(timeout=30))
    monkeypatch.setattr(WaitingEvents, "keep", lambda queue, receipts: kept.append(keep(queue, receipts)))
    with running():
        store(event_for(alice))
        assert soon(lambda: len(kept) == 1)
        servers.postgres.stop()
        servers.postgres.start()
        connection.close()  # ours broke with the others
        before = len(kept)
        assert soon(lambda: len(kept) > before)
        done.set()


def test_a_stop_leaves_in_the_table_what_is_not_in_the_ledger(alice):
    store(*several(alice, 500))
    with running():
        assert soon(lambda: Notification.objects.exists())
    assert WaitingEvent.objects.count() == 500 - Notification.objects.count()


# --- The process ---------------------------------------------------------------------------------------------


def publish(web, *events) -> None:
    headers = {"Authorization": f"Bearer {issue_service_token('tasks')}"}
    answer = httpx.post(f"{web.base_url}/api/v1/events", json=list(events), headers=headers)
    assert answer.json() == {"accepted": len(events), "rejected": []}


def test_an_event_over_http_rings_an_open_bell(web, intake, alice):
    with open_bell(web.websocket_url, alice) as bell:
        publish(web, event_for(alice))
        assert bell.hear("notification", seconds=20)


def test_a_crash_in_the_middle_loses_nothing_and_doubles_nothing(queue, alice, tmp_path):
    environment = {
        "EVENTS_QUEUE_NAME": queue.name,
        "EVENTS_QUEUE_URL": queue.url,
        "INTAKE_VISIBILITY_TIMEOUT_SECONDS": "2",
        "INTAKE_BATCH_MESSAGES": "20",
    }
    store(*several(alice, 2_000))
    with running_process("intake", environment, log=tmp_path / "first.log") as crashing:
        assert soon(lambda: Notification.objects.count() > 100, seconds=60)
        crashing.process.kill()
        crashing.process.wait()
    assert 100 < Notification.objects.count() < 2_000
    with running_process("intake", environment, log=tmp_path / "second.log"):
        assert soon(nothing_waits, seconds=60)
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 2_000
    assert not RejectedEvent.objects.exists()


def test_the_ways_of_one_process_do_not_hold_each_other_up(queue, intake, alice, servers):
    sqs = boto3.client("sqs", endpoint_url=os.environ["SQS_ENDPOINT_URL"])
    sqs.send_message(QueueUrl=queue.url, MessageBody=message(event_for(alice, id="queue")).body)
    assert soon(stored(1), seconds=20)
    servers.aws.stop()
    store(event_for(alice, id="http"))
    assert soon(stored(2))


def test_nothing_but_a_whole_event_is_stored():
    sent = message(cloudevent())
    [event] = read_message(sent.body, sent_at=sent.sent_at, now=sent.sent_at)
    waiting_events.store([event], [])
    [received] = WaitingEvents().receive()
    assert read_message(received.body, sent_at=received.sent_at, now=sent.sent_at) == [event]

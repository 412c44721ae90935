import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from delivery.models import Delivery
from devstack.waiting import wait_until
from notifications import ids
from notifications.upkeep import erasure
from preferences.models import User
from tests.cloudevents import event_for
from tests.notifications.upkeep.traces_left import about, dump

pytestmark = pytest.mark.django_db


@pytest.fixture
def intake_at_work(transactional_db):
    """Another connection, in the middle of storing an event."""
    server = connection.settings_dict
    with psycopg.connect(
        host=server["HOST"],
        port=server["PORT"],
        dbname=server["NAME"],
        user=server["USER"],
        password=server["PASSWORD"],
    ) as other:
        yield other
        other.rollback()


def begin_to_store(other: psycopg.Connection, actor: User, recipient: User) -> None:
    """Enter an event of the actor's doing into the ledger, and put a mail on record that names the actor."""
    event = event_for(recipient, id="in flight", data={"actor": {"id": str(actor.id)}})
    other.execute(
        "INSERT INTO received_events (source, event_id, type, occurred_at, path, payload)"
        " VALUES ('/services/tasks', 'in flight', 'task_assigned', %s, 'sqs', %s)",
        [event["time"], json.dumps(event)],
    )
    occurred_at = datetime.fromisoformat(event["time"])
    id_of = ids.for_event(source="/services/tasks", event_id="in flight", occurred_at=occurred_at)
    other.execute(
        "INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,"
        " resource_id, resource_url, resource_title, occurred_at, state, reason, due_at)"
        " VALUES (%s, 'email', %s, 'task_assigned', '', %s, %s, '', '', '', '', %s, 'held', '', now())",
        [id_of(recipient.id), recipient.id, f"{actor.name} assigned a task to you", actor.name, occurred_at],
    )


def someone_waits_for_the_ledger() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE relation = 'received_events'::regclass AND NOT granted")
        return cursor.fetchone() is not None


def finish(steps) -> None:
    try:
        list(steps)
    finally:
        connection.close()  # this thread's


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_being_stored_at_the_end_is_waited_for(intake_at_work, alice, bob):
    steps = erasure.erase(alice)
    next(step for step in steps if step.table == "notifications")
    begin_to_store(intake_at_work, alice, bob)
    with ThreadPoolExecutor() as pool:
        rest = pool.submit(finish, steps)
        assert wait_until(someone_waits_for_the_ledger, seconds=4)
        intake_at_work.commit()
        rest.result(timeout=30)
    assert about(dump(), alice) == []
    assert Delivery.objects.get(user=bob).body == "Someone assigned a task to you"


@pytest.mark.django_db(transaction=True)
def test_an_intake_that_does_not_come_to_an_end_is_not_held_up_for_long(intake_at_work, alice, bob, monkeypatch):
    monkeypatch.setattr(erasure, "_PATIENCE", "50ms")
    begin_to_store(intake_at_work, alice, bob)
    with pytest.raises(CommandError, match="Run it again"):
        call_command("erase_user", alice.email, "--no-input")
    intake_at_work.commit()
    call_command("erase_user", alice.email, "--no-input")
    assert about(dump(), alice) == []

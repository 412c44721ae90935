"""What pruning costs among many rows: it reads what goes, and of what stays no more than a batch."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from notifications.upkeep import retention
from tests.query_plans import planted, scanned

pytestmark = pytest.mark.django_db

ROWS = 50_000
OLD = ROWS // 10
LARGE = {"received_events", "decisions", "deliveries", "notifications", "rejected_events", "ses_messages"}
#: One row a minute; only of the oldest tenth is any retention over.
AGE = f"interval '400 days' * (n <= {OLD})::int + interval '1 second' * ({ROWS} - n)"
PLANT = f"""
    SET LOCAL session_replication_role = replica;  -- no look at foreign keys, which hold
    INSERT INTO users (id, name, email, password, is_superuser)
    VALUES ('00000000-0000-0000-0000-000000000001', 'Person', 'person@example.com', '', false);
    INSERT INTO received_events (source, event_id, type, occurred_at, received_at, path, payload)
    SELECT '/tests', 'evt_' || n, 'task_assigned', now() - {AGE}, now() - {AGE}, 'sqs', '{{}}'
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO decisions (event_id, user_id, recipient, in_app, email, push)
    SELECT id, '00000000-0000-0000-0000-000000000001', '', '', '', '' FROM received_events;
    INSERT INTO notifications (id, user_id, type, title, body, created_at)
    SELECT CASE WHEN n <= {OLD} THEN 'ntf_-' ELSE 'ntf_z' END || lpad(n::text, 15, '0'),
           '00000000-0000-0000-0000-000000000001', 'task_assigned', 'Title', 'Body', now() - {AGE}
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at, created_at)
    SELECT 'ntf_' || lpad(n::text, 16, '0'), 'email', '00000000-0000-0000-0000-000000000001', 'task_assigned', 'Title',
           'Body', '', '', '', '', '', now(), CASE n % 50 WHEN 0 THEN 'held' ELSE 'sent' END, '', now(), now() - {AGE}
    FROM generate_series(1, {ROWS}) n;
    UPDATE deliveries SET digest_id = id + 20 - id % 20 WHERE id % 20 BETWEEN 1 AND 3;
    INSERT INTO rejected_events (reason, detail, body, body_digest, path, rejected_at)
    SELECT 'wrong_shape', 'x', 'x', int8send(n), 'sqs', now() - {AGE} FROM generate_series(1, {ROWS}) n;
    INSERT INTO ses_messages (id, received_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, now() - {AGE} FROM generate_series(1, {ROWS}) n;
"""  # noqa: S608 - from constants


@pytest.fixture(scope="module", autouse=True)
def _planted(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with planted(PLANT, django_db_blocker, [*LARGE, "users"]):
        yield


@pytest.mark.parametrize("dry_run", [False, True])
def test_no_statement_reads_a_large_table_from_end_to_end(dry_run):
    with CaptureQueriesContext(connection) as queries:
        list(retention.prune(dry_run=dry_run))
    asked = [query["sql"] for query in queries if query["sql"].strip().startswith(("SELECT", "WITH", "DELETE"))]
    assert {table for table in LARGE if any(f'"{table}"' in sql for sql in asked)} == LARGE
    assert not {sql: tables for sql in asked if (tables := scanned(sql) & LARGE)}


def test_of_what_is_young_no_more_than_a_batch_is_looked_at():
    with CaptureQueriesContext(connection) as queries:
        gone = sum(some.rows for some in retention.prune(batch=1_000))
    held = OLD // 50
    assert OLD * len(LARGE) - held - 100 < gone <= OLD * len(LARGE) - held
    # A look and a removal for each batch, and at the end of each table one look more.
    assert len(queries) <= (2 * len(LARGE)) * (OLD // 1_000 + 1)


def test_the_oldest_held_rows_are_stepped_over(monkeypatch):
    monkeypatch.setattr(settings, "DELIVERY_RETENTION", timedelta(days=365))
    list(retention.prune())
    with CaptureQueriesContext(connection) as queries:
        assert sum(some.rows for some in retention.prune()) < 200
    assert len(queries) <= 20

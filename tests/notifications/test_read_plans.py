"""What the calls that read cost among many rows: each statement, as the call sends it, goes by an index, sorts nothing,
and reads no more on page 40 than on page 1."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from notifications import inbox, inbox_queries
from preferences import rollout
from preferences.models import User
from tests.query_plans import planted
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller

pytestmark = pytest.mark.django_db

ROWS = 100_000
LARGE = {"users", "notifications"}
READER, HOARDER = UUID(int=1), UUID(int=2)
PAGE, LAST_PAGE = 10, 40
#: Every hundredth row is the reader's, every fifth the hoarder's, who reads nothing; the others read every second one.
OWNER = f"(CASE WHEN n % 100 = 0 THEN 1 WHEN n % 5 = 0 THEN 2 ELSE 3 + n % ({ROWS} / 10) END)"
PLANT = f"""
    SET LOCAL session_replication_role = replica;  -- no look at foreign keys, which hold
    INSERT INTO users (id, name, email, password, is_superuser)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'Person ' || n, 'person' || n || '@example.com', '', false
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO notifications (id, user_id, type, title, body, actor_id, created_at, read_at)
    SELECT 'ntf_' || lpad(n::text, 16, '0'), lpad(to_hex({OWNER}), 32, '0')::uuid, 'task_assigned', 'Title', 'Body',
           lpad(to_hex(n), 32, '0')::uuid, now() - n * interval '1 second',
           CASE WHEN {OWNER} <> 2 AND n / 100 % 2 = 0 THEN now() END
    FROM generate_series(1, {ROWS}) n;
"""  # noqa: S608 - from constants


@pytest.fixture(scope="module", autouse=True)
def _planted(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with planted(PLANT, django_db_blocker, LARGE):
        yield


@pytest.fixture
def reader() -> Caller:
    return Caller(User.objects.get(id=READER))


ONE = "ntf_0000000000000100"
ADDRESSES = {
    "page 1": NOTIFICATIONS,
    "unread": f"{NOTIFICATIONS}?status=unread",
    "read": f"{NOTIFICATIONS}?status=read",
    "one": f"{NOTIFICATIONS}/{ONE}",
    "explanation": f"{NOTIFICATIONS}/{ONE}/explanation",
    "bell": f"{NOTIFICATIONS}/bell",
    "preferences": PREFERENCES,
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_call_goes_by_indexes(reader, name):
    assert_cheap(asked_by(reader, ADDRESSES[name]))


@pytest.mark.parametrize("status", ["all", "unread", "read"])
def test_a_late_page_goes_by_indexes_and_reads_no_more(reader, status):
    first = f"{NOTIFICATIONS}?status={status}&limit={PAGE}"
    late = address_of_page(LAST_PAGE, first, reader)
    assert_cheap(asked_by(reader, late))
    assert rows_read(asked_by(reader, late)) <= rows_read(asked_by(reader, first))


@pytest.mark.parametrize(("name", "most"), [("page 1", 3), ("unread", 3), ("one", 2), ("bell", 2), ("preferences", 1)])
def test_a_call_asks_little(reader, name, most):
    rollout.current()  # once a second at most, for all calls
    assert len(asked_by(reader, ADDRESSES[name])) <= most


def test_what_was_missed_goes_by_indexes(reader):
    with CaptureQueriesContext(connection) as queries:
        missed = inbox.stored_since(READER, "ntf_0000000000050000", limit=50)
    assert len(missed.items) == 50
    assert_cheap([query["sql"] for query in queries])


def test_what_a_hoarder_has_not_read_is_counted_no_further_than_the_bell_can_tell():
    with CaptureQueriesContext(connection) as queries:
        assert inbox.unread_count(HOARDER) == inbox_queries.MOST_COUNTED
    [sql] = [query["sql"] for query in queries]
    assert_cheap([sql])
    assert rows_read([sql]) <= inbox_queries.MOST_COUNTED + 3  # and those above it in the plan


def test_counts_of_many_go_by_the_index_of_what_is_unread():
    everybody = [UUID(int=n) for n in range(1, 500)]
    with CaptureQueriesContext(connection) as queries:
        counts = inbox.unread_counts(everybody)
    assert counts[READER] == 500
    assert_cheap([query["sql"] for query in queries])


def test_the_inbox_is_vacuumed_as_it_grows_so_that_counts_read_the_index_alone():
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE oid = 'notifications'::regclass")
        [options] = cursor.fetchone()
    assert "autovacuum_vacuum_insert_scale_factor=0" in options


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM notifications",
        "SELECT * FROM users WHERE id IN ('00000000-0000-0000-0000-000000000001') ORDER BY name",
    ],
)
def test_a_scan_or_a_sort_would_be_noticed(sql):
    with pytest.raises(AssertionError, match=re.escape(sql)):
        assert_cheap([sql])


# --- Plans ---------------------------------------------------------------------------------------------------


def asked_by(caller: Caller, address: str) -> list[str]:
    """Return the statements of one call, with their values in place."""
    with CaptureQueriesContext(connection) as queries:
        assert caller.get(address).status_code == 200
    return [query["sql"] for query in queries]


def address_of_page(number: int, first: str, caller: Caller) -> str:
    """Leaf through, past the rate limit of the call: with the largest pages that lead there."""
    before = PAGE * (number - 1)
    address = first
    while before:
        step = min(before, 100)
        cursor = caller.get(address.replace(f"limit={PAGE}", f"limit={step}")).json()["cursor"]
        before -= step
        address = f"{first}&cursor={cursor}"
    return address


def assert_cheap(statements: list[str]) -> None:
    """No large table is read from end to end, and nothing is put in order that an index has in order."""
    assert statements
    for sql in statements:
        planned = list(nodes(plan(sql)))
        if any(node.get("Relation Name") in LARGE for node in planned):
            assert not {node["Node Type"] for node in planned} & {"Sort", "Incremental Sort", "Seq Scan"}, sql


def rows_read(statements: list[str]) -> int:
    """Return how many rows the plans' scans of large tables gave, with those that a filter then took away."""
    return round(
        sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for sql in statements
            for node in nodes(plan(sql, "ANALYZE, "))
            if node.get("Relation Name") in LARGE
        )
    )


def plan(sql: str, options: str = "") -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    return (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"]


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)

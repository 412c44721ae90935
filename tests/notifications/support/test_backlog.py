from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from delivery.models import State
from notifications.support import backlog
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db

SINCE = {"since": backlog.FAILURES_SINCE}


def plan(statement: str, **values: Any) -> str:
    """How PostgreSQL would run it on a large table: with neither a scan of the table nor a sort of it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {statement}", {"limit": 10_001, **values})
        return "\n".join(line for (line,) in cursor)


def scans(explained: str) -> Iterator[str]:
    """Which indexes, in alphabetical order; a scan of a table by its name."""
    words = (line.split() for line in sorted(explained.splitlines()) if "Scan" in line and "Subquery" not in line)
    return (line[line.index("using") + 1] if "using" in line else line[-4] for line in words)


@pytest.mark.parametrize(
    ("statement", "values", "indexes"),
    [
        (
            backlog._WAITING,
            {},
            {"idx_deliveries_pending", "idx_deliveries_held", "idx_deliveries_sending", "waiting_events_pkey"},
        ),
        (backlog._FAILURES, SINCE, {"idx_deliveries_failed"}),
        (backlog._REJECTED, SINCE, {"idx_rejected_events_time"}),
    ],
    ids=["waiting", "failures", "rejected"],
)
def test_each_count_reads_the_index_that_was_made_for_it(statement: str, values: dict[str, Any], indexes: set[str]):
    assert set(scans(plan(statement, **values))) == indexes


def test_counting_stops_behind_the_longest(alice, monkeypatch):
    monkeypatch.setattr(backlog, "LONGEST", 3)
    for _ in range(6):
        delivery(alice, state=State.HELD)
    (held,), _ = backlog.waiting()
    assert held.count == 4  # one more than the longest: there is more

"""What PostgreSQL would read for a statement, and rows enough that it has a choice."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def planted(statements: str, blocker: DjangoDbBlocker, tables: Iterable[str]) -> Iterator[None]:
    """Plant rows that nobody else sees, and take them back, with what the planner learned of these tables."""
    names = ", ".join(tables)
    with blocker.unblock():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statements)
            cursor.execute(f"ANALYZE {names}")
            yield
            transaction.set_rollback(True)
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {names}")


def scanned(sql: str) -> set[str]:
    """Return the tables that the plan of a statement with its values in place reads from end to end."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        (plan,) = cursor.fetchone()
    return set(_scans((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _scans(child)

"""What PostgreSQL would read for a statement."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection


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

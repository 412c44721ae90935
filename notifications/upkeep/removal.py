"""Taking rows away batch by batch, or only counting how many would go."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.db import connection
from psycopg.sql import SQL, Composed, Identifier

from notifications.upkeep.key_ranges import KeyRange

#: What a count tells of one table at most: further rows are not looked at.
MOST_COUNTED: Final = 100_000

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pruned:
    """One batch of a table: how many of its rows went, or would go. There may be none."""

    table: str
    rows: int


class Removal(Protocol):
    """What is done to rows that are too old. Each batch commits by itself."""

    @property
    def batch(self) -> int:
        """How many rows one transaction takes."""

    def within_reach(self, spans: Iterable[KeyRange]) -> Iterator[KeyRange]:
        """Pass on the ranges of a table that are to be looked at."""

    def take(self, table: str, condition: str, values: Values, *, unless: str = "FALSE") -> Iterator[Pruned]:
        """Take the rows that the condition names, which are no more than a batch.

        `unless` is what keeps a row: that another one, which goes with or before it, still points to it.
        """

    def take_along(self, key: str, table: str, condition: str, values: Values, *, start: Any) -> Iterator[Pruned]:
        """Take however many rows the condition names, in the order of an indexed column, from `start` on."""


_DELETE = SQL("DELETE FROM {table} WHERE {condition} AND NOT ({unless})")

# Where the last batch ended, the next one begins: nobody steps over the dead rows of all batches before. By ctid, since
# a join by id may read the whole table; a row that moved since it was chosen is left alone.
_DELETE_NEXT = SQL("""
    WITH gone AS (
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {table} WHERE {condition} AND {key} >= %(start)s ORDER BY {key} LIMIT %(batch)s
        )) RETURNING {key}
    )
    SELECT count(*), max({key}) FROM gone
""")


@dataclass(frozen=True, slots=True)
class Deletion:
    """Takes them away. What somebody changes meanwhile, so that the condition of `take` fails, stays."""

    batch: int

    def within_reach(self, spans: Iterable[KeyRange]) -> Iterator[KeyRange]:
        """Pass on all of them."""
        yield from spans

    def take(self, table: str, condition: str, values: Values, *, unless: str = "FALSE") -> Iterator[Pruned]:
        """Delete by one statement, which looks at each row anew once it has it."""
        with connection.cursor() as cursor:
            cursor.execute(_composed(_DELETE, table, condition, unless=unless), values)
            rows = cursor.rowcount
        yield Pruned(table, rows)

    def take_along(self, key: str, table: str, condition: str, values: Values, *, start: Any) -> Iterator[Pruned]:
        """Delete a batch at a time until one is not full."""
        statement = _composed(_DELETE_NEXT, table, condition, key=key)
        while True:
            with connection.cursor() as cursor:
                cursor.execute(statement, {**values, "start": start, "batch": self.batch})
                rows, reached = cursor.fetchone()
            yield Pruned(table, rows)
            if rows < self.batch:
                return
            start = reached


_COUNT = SQL("SELECT count(*) FROM (SELECT FROM {table} WHERE {condition} LIMIT %(most)s) AS rows")
_COUNT_ALONG = SQL(
    "SELECT count(*) FROM (SELECT FROM {table} WHERE {condition} AND {key} >= %(start)s LIMIT %(most)s) AS rows"
)


@dataclass(frozen=True, slots=True)
class Count:
    """Counts them, up to MOST_COUNTED of a table, and looks at no more than that."""

    batch: int
    _counted: Counter[str] = field(default_factory=Counter)

    def within_reach(self, spans: Iterable[KeyRange]) -> Iterator[KeyRange]:
        """Pass on the first of them."""
        left = MOST_COUNTED
        for span in spans:
            yield span
            left -= span.rows
            if left <= 0:
                return

    def take(self, table: str, condition: str, values: Values, *, unless: str = "FALSE") -> Iterator[Pruned]:
        """Count once. Whatever points to a row is there still, so that `unless` would say nothing."""
        yield self._count(table, _composed(_COUNT, table, condition), values)

    def take_along(self, key: str, table: str, condition: str, values: Values, *, start: Any) -> Iterator[Pruned]:
        """Count once: batches are for those who change something."""
        yield self._count(table, _composed(_COUNT_ALONG, table, condition, key=key), {**values, "start": start})

    def _count(self, table: str, statement: Composed, values: Values) -> Pruned:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**values, "most": MOST_COUNTED - self._counted[table]})
            (rows,) = cursor.fetchone()
        self._counted[table] += rows
        return Pruned(table, rows)


def _composed(statement: SQL, table: str, condition: str, *, key: str = "id", unless: str = "FALSE") -> Composed:
    return statement.format(table=Identifier(table), condition=SQL(condition), key=Identifier(key), unless=SQL(unless))

"""The account of one traffic: nothing lost, nothing doubled, counted from outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from benchmarks.traffic import Traffic

_ROWS_PER_EVENT: Final = """
    SELECT resource_id, count(*) FROM notifications WHERE starts_with(resource_id, %s) GROUP BY resource_id
"""
_EVERYTHING: Final = "TRUNCATE received_events, decisions, rejected_events, notifications"


@dataclass(frozen=True, slots=True)
class Account:
    """How many events went in, and what is amiss in PostgreSQL (stored) and on the sockets (received)."""

    published: int
    stored: int
    received: int
    stored_twice: int
    received_twice: int

    @property
    def lost(self) -> int:
        """How many events miss their row or their message."""
        return 2 * self.published - self.stored - self.received

    @property
    def doubled(self) -> int:
        """How many rows and messages are one too many."""
        return self.stored_twice + self.received_twice

    @property
    def is_clean(self) -> bool:
        """Whether each event came out exactly once, on both sides."""
        return self.lost == 0 and self.doubled == 0


def settle(traffic: Traffic, times: Mapping[str, Sequence[float]], database_url: str) -> Account:
    """Compare what was published with the rows and the sockets' messages."""
    with psycopg.connect(database_url) as connection:
        rows: dict[str, int] = dict(connection.execute(_ROWS_PER_EVENT, [f"{traffic.name}-"]).fetchall())
    return Account(
        published=traffic.count,
        stored=len(rows),
        received=len(times),
        stored_twice=_surplus(rows.values()),
        received_twice=_surplus(map(len, times.values())),
    )


def forget_everything(database_url: str) -> None:
    """Empty the tables that grow, so that every measurement starts alike."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_EVERYTHING)


def _surplus(counts: Iterable[int]) -> int:
    return sum(count - 1 for count in counts)

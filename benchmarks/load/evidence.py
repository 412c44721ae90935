"""What PostgreSQL and the providers say of each event, once nothing is under way any more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.sql import SQL

from benchmarks.load.account import Seen, Tally
from benchmarks.load.providers import Providers
from benchmarks.load.sheet import Moments, Sheet
from benchmarks.traffic import Traffic

Key = TypeVar("Key", int, str)
Numbers = npt.NDArray[np.int64]

_LEDGER: Final = SQL("""
    SELECT split_part(event_id, '-', 2)::int, extract(epoch FROM received_at)::float8
    FROM received_events WHERE starts_with(event_id, %s)
""")
_INBOX: Final = SQL("""
    SELECT split_part(resource_id, '-', 2)::int, extract(epoch FROM created_at)::float8
    FROM notifications WHERE starts_with(resource_id, %s)
""")
_HELD: Final = SQL("""
    SELECT split_part(resource_id, '-', 2)::int, 0
    FROM deliveries WHERE starts_with(resource_id, %s) AND channel = 'email' AND state = 'held'
""")
_MAILS: Final = SQL("""
    SELECT id, split_part(resource_id, '-', 2)::int
    FROM deliveries WHERE starts_with(resource_id, %s) AND channel = 'email'
""")
_PUSHES: Final = SQL("""
    SELECT notification_id, split_part(resource_id, '-', 2)::int
    FROM deliveries WHERE starts_with(resource_id, %s) AND channel = 'push'
""")
_STATES: Final = SQL("SELECT channel || ' ' || state, count(*) FROM deliveries GROUP BY 1")
_REJECTED: Final = SQL("SELECT count(*) FROM rejected_events")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Moments (monotonic) by event number, and how often each event was found where."""

    seen: Seen
    received: Moments  # the intake entered it into the ledger
    stored: Moments  # its row was inserted
    mailed: Moments  # SES took it
    pushed: Moments  # FCM or APNs took it
    states: Mapping[str, int]
    rejected: int


def gather(traffic: Traffic, sheet: Sheet, providers: Providers, *, database_url: str, clock_offset: float) -> Evidence:
    """Read everything. `clock_offset` is what the time of day is ahead of the monotonic clock, in seconds."""
    with psycopg.connect(database_url) as connection:
        reader = Reader(connection, traffic, clock_offset)
        recorded, received = reader.found(reader.rows(_LEDGER))
        stored, stored_at = reader.found(reader.rows(_INBOX))
        held, _ = reader.found(reader.rows(_HELD))
        mailed, mailed_at = reader.taken(_MAILS, providers.ses.taken)
        pushed, pushed_at = reader.taken(_PUSHES, [*providers.fcm.taken, *providers.apns.taken])
        states = {name: int(count) for name, count in connection.execute(_STATES).fetchall()}
        [(rejected,)] = connection.execute(_REJECTED).fetchall()
    called, published = ((~np.isnan(column)).astype(np.int64) for column in (sheet.called, sheet.published))
    heard = sheet.times_heard.astype(np.int64)
    seen = Seen(called, published, recorded, stored, heard, mailed, pushed, held)
    return Evidence(seen, received, stored_at, mailed_at, pushed_at, states, int(rejected))


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes columns of what one traffic left behind."""

    connection: "psycopg.Connection[tuple[Any, ...]]"
    traffic: Traffic
    clock_offset: float

    def rows(self, statement: SQL) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, [f"{self.traffic.name}-"]).fetchall()

    def found(self, rows: Iterable[tuple[int, float]]) -> tuple[Tally, Moments]:
        """Return how often each event is among the rows, and its first moment."""
        table = np.array(list(rows), np.float64).reshape(-1, 2)
        numbers: Numbers = table[:, 0].astype(np.int64)
        moments = np.full(self.traffic.count, np.nan)
        np.fmin.at(moments, numbers, table[:, 1] - self.clock_offset)
        return np.bincount(numbers, minlength=self.traffic.count), moments

    def taken(self, statement: SQL, taken: Iterable[tuple[Key, float]]) -> tuple[Tally, Moments]:
        """Do the same for what providers took of this traffic's deliveries."""
        number_of: dict[Key, int] = dict(self.rows(statement))
        return self.found((number_of[key], moment) for key, moment in taken if key in number_of)

"""A clock that a test turns, for Python, PostgreSQL and the lanes' Redis alike.

PostgreSQL's tables are copied into a schema of their own, which stands before the real one in the search path, with
functions of the names by which our statements and our columns' defaults ask for the time. All of it goes with the
transaction in which it was made.
"""

import contextlib
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
import time_machine
from django.db import connection
from psycopg.sql import SQL, Identifier
from redis import Redis

from delivery import answers, attempts, gates, lane_scripts, lanes

#: A Monday, some days before Europe's clocks change.
START: Final = datetime(2026, 3, 23, 8, 20, 30, tzinfo=UTC)
_TICK: Final = timedelta(milliseconds=1)
#: What lanes ask Redis for the time by, and by what they learn ours instead.
_REDIS_TIME: Final = "redis.call('TIME')"
_OUR_TIME: Final = "{redis.call('GET', 'model:now'), '0'}"


class Clock:
    """What time it is. It stands still, but for what `pass_` adds and a tick at each look of the test."""

    def __init__(self, coordinates: time_machine.Traveller, redis: Redis) -> None:
        self._coordinates = coordinates
        self._redis = redis
        self._ends: dict[str, datetime] = {}  # of Redis' keys

    @property
    def now(self) -> datetime:
        """The time, aware."""
        return datetime.now(UTC)

    def reset(self) -> None:
        """Begin anew at START, with a Redis that remembers nothing."""
        self._coordinates.move_to(START)
        self.forget()

    def forget(self) -> None:
        """Have Redis remember nothing."""
        self._redis.flushall()
        self._ends.clear()
        self._tell()

    def tick(self) -> None:
        """Let so little pass that no two steps have the same time."""
        self.pass_(_TICK)

    def pass_(self, duration: timedelta) -> None:
        """Let time pass."""
        self._coordinates.shift(duration)
        self._tell()

    def _tell(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE model.clock SET now = %s", [self.now])
        self._redis.set("model:now", f"{self.now.timestamp():.6f}")
        for key in [key for key, end in self._ends.items() if end <= self.now]:
            self._redis.delete(key)
            del self._ends[key]

    # --- The part of a Redis client that the lanes use ---

    def set(self, key: str, value: str, *, px: timedelta) -> None:
        """Keep the value for so long."""
        self._redis.set(key, value)
        self._ends[key] = self.now + px

    def expire(self, key: str, duration: timedelta) -> None:
        """Keep the key for so long."""
        self._ends[key] = self.now + duration

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)


@contextlib.contextmanager
def turned_by_hand(redis: Redis, patch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Have everything that delivers go by the clock, until the end of the test's transaction."""
    _copy_schema()
    # Worker threads share one process, whose real clock would let their moments pass or not as the machine likes.
    for module in (attempts, answers, gates):
        patch.setattr(module, "time", SimpleNamespace(monotonic=time.time, sleep=_never))
    scripts = {name: value for name, value in vars(lane_scripts).items() if _REDIS_TIME in str(value)}
    assert scripts, "Redis' own time is asked for in other words, or elsewhere"
    for name, value in scripts.items():
        patch.setattr(lane_scripts, name, value.replace(_REDIS_TIME, _OUR_TIME))
    with time_machine.travel(START, tick=False) as coordinates:
        clock = Clock(coordinates, redis)
        patch.setattr(lanes, "_redis", lambda: clock)
        clock.reset()
        yield clock


def _never(_: float = math.nan) -> None:
    raise AssertionError("PostgreSQL was there all the time")


# --- PostgreSQL ----------------------------------------------------------------------------------------------

_TIMES: Final = ("statement_timestamp", "clock_timestamp", "now")
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_DEFAULTS = """
    SELECT table_name, column_name, column_default FROM information_schema.columns
    WHERE table_schema = 'model' AND (column_default LIKE '%timestamp()%' OR column_default LIKE '%now()%')
"""
_REFERENCES = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
_CLOCK = """
    CREATE TABLE model.clock (now timestamptz);
    INSERT INTO model.clock VALUES (pg_catalog.now());
"""
_TIME = "CREATE FUNCTION model.{}() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now FROM model.clock'"


def _copy_schema() -> None:
    """Copy all tables, with indexes, keys and defaults, and have every unqualified name mean the copy.

    They are empty, but for the numbers of models: Django remembers those from test to test.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA model")
        cursor.execute(_CLOCK)
        for name in _TIMES:
            cursor.execute(SQL(_TIME).format(Identifier(name)))
        cursor.execute(_TABLES)
        for (table,) in cursor.fetchall():
            copy = SQL("CREATE TABLE model.{0} (LIKE public.{0} INCLUDING ALL)")
            cursor.execute(copy.format(Identifier(table)))
        cursor.execute("INSERT INTO model.django_content_type SELECT * FROM public.django_content_type")
        cursor.execute(_REFERENCES)  # as long as the names in them are those of the real tables
        references = cursor.fetchall()
        cursor.execute("SET LOCAL search_path = model, public, pg_catalog")
        for table, name, definition in references:
            add = SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
            cursor.execute(add.format(Identifier(table), Identifier(name), SQL(definition)))
        _set_defaults(cursor)


def _set_defaults(cursor: Any) -> None:
    cursor.execute(_DEFAULTS)
    for table, column, default in cursor.fetchall():
        time_name = next(name for name in _TIMES if f"{name}()" in default)
        change = SQL("ALTER TABLE model.{} ALTER {} SET DEFAULT model.{}()")
        cursor.execute(change.format(Identifier(table), Identifier(column), Identifier(time_name)))

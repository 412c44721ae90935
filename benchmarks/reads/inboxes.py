"""A large table of notifications: readers with long inboxes, one who never reads, and a long tail of others."""

from dataclasses import dataclass
from typing import Final

import psycopg

from benchmarks.traffic import user_id

#: Of one page, as the call has it unless told otherwise.
PAGE: Final = 25
LAST_PAGE: Final = 40
#: One more page than is read, so that page 40 is full and not the last.
_EACH: Final = PAGE * (LAST_PAGE + 2)
_OF_THE_TAIL: Final = 8  # of one user whom nobody asks about

_TAIL: Final = """
    INSERT INTO users (id, password, is_superuser, email, name)
    SELECT lpad(to_hex(n), 32, '0')::uuid, '', false, 'tail' || n || '@example.com', 'Tail ' || n
    FROM generate_series(1, %(tail)s) n
"""

# In the order of time, each owner's rows scattered over the whole table, as when they come one by one. Every second
# one is read, but for the hoarder's.
_NOTIFICATIONS: Final = """
    INSERT INTO notifications (id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url,
                               resource_title, read_at, created_at)
    SELECT 'ntf_' || lpad(to_hex(n), 16, '0'), owner, 'task_assigned', 'New task assigned to you',
           'Sarah Kim assigned ''Update pricing page'' to you', lpad(to_hex(1 + n %% %(tail)s), 32, '0')::uuid, 'task',
           'tsk_' || n, '/tasks/tsk_' || n, 'Update pricing page',
           CASE WHEN item %% 2 = 0 AND owner <> %(hoarder)s THEN now() END,
           now() - (%(rows)s - n) * interval '1 second'
    FROM (
        SELECT owner, item, row_number() OVER (ORDER BY random()) AS n
        FROM (
            SELECT owner, item FROM unnest(%(readers)s) owner, generate_series(1, %(each)s) item
            UNION ALL SELECT %(hoarder)s, item FROM generate_series(1, %(hoard)s) item
            UNION ALL SELECT lpad(to_hex(1 + item %% %(tail)s), 32, '0')::uuid, item
                      FROM generate_series(1, %(others)s) item
        ) AS owned
    ) AS numbered
    ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class Population:
    """How many rows there are and whose. Users 0 to `readers` - 1 have long inboxes; the next one is the hoarder."""

    rows: int
    readers: int
    hoard: int  # unread rows of the one who never reads

    @property
    def others(self) -> int:
        """Rows of the long tail."""
        return self.rows - self.readers * _EACH - self.hoard

    @property
    def users(self) -> int:
        """Who has a token: the readers, then the hoarder."""
        return self.readers + 1


def fill(database_url: str, population: Population) -> None:
    """Store the rows; the users with tokens are there already (`benchmarks.population`)."""
    values = {
        "rows": population.rows,
        "readers": [user_id(number) for number in range(population.readers)],
        "hoarder": user_id(population.readers),
        "each": _EACH,
        "hoard": population.hoard,
        "others": population.others,
        "tail": max(population.others // _OF_THE_TAIL, 1),
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # no look at foreign keys, which hold
            connection.execute("SET LOCAL work_mem = '256MB'")
            connection.execute(_TAIL, values)
            connection.execute(_NOTIFICATIONS, values)
        connection.execute("VACUUM ANALYZE notifications, users")  # as autovacuum does where rows come one by one
        connection.execute("CHECKPOINT")  # or it would fall into the measures

"""A gate that is closed while PostgreSQL is away or takes no writes, so that nothing is received in vain."""

import threading
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from preferences.outages import drop_connection

_PROBE_EVERY_SECONDS: Final = 0.5


class DatabaseGate:
    """One for all threads of an intake. `stopping` ends every wait for PostgreSQL."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._open = threading.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        """Whether PostgreSQL took writes when somebody looked last."""
        return self._open.is_set()

    def wait(self, *, seconds: float) -> bool:
        """Wait until the gate is open, so long at most; return whether it is."""
        return self._open.wait(timeout=seconds)

    def close_until_it_answers(self) -> None:
        """Close the gate, probe until PostgreSQL takes writes, and open it; when we stop meanwhile, it stays closed.

        Whoever closes it opens it again: the others may have nothing in hand, and wait for that.
        """
        self._open.clear()
        drop_connection()
        while not _takes_writes():
            drop_connection()
            if self._stopping.wait(_PROBE_EVERY_SECONDS):
                return
        self._open.set()


def _takes_writes() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            (is_read_only,) = cursor.fetchone()
    except DatabaseError:
        return False
    return bool(is_read_only == "off")  # on: a replica, until its promotion is over

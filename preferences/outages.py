"""Whose fault an error of PostgreSQL is: an event's, or that of the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection

#: Classes of SQLSTATE (PostgreSQL, Appendix A) that no event can cause: connection, transaction state (read-only after
#: a failover), rollback (deadlock), resources, object not in state (a lock not granted), operator, system.
_OF_THE_MOMENT: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})


def is_outage(error: BaseException) -> bool:
    """Whether trying again later is right, since nothing that was asked can be the reason."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    sqlstate: str | None = getattr(error.__cause__, "sqlstate", None)
    if sqlstate is None:
        return isinstance(error, OperationalError | InterfaceError)  # no answer at all
    return sqlstate[:2] in _OF_THE_MOMENT


def drop_connection() -> None:
    """Close this thread's connection for good, past the pool, so that the next one is made to whoever serves then."""
    if connection.connection is not None:
        connection.connection.close()
    connection.close()


@contextmanager
def connection_given_up() -> Iterator[None]:
    """Have whatever comes after an outage begin with a new connection.

    The pool takes one back that answers, even when it leads to a server that takes no writes any more.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if is_outage(error):
            drop_connection()
        raise

"""Settings of PostgreSQL under which a test runs, as after a failover or under another's hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def defaults(setting: str) -> Iterator[None]:
    """The test database's default for connections that are made meanwhile."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET {setting}")
        connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
        yield
        cursor.execute(f"ALTER DATABASE {name} RESET ALL")
    connection.close_pool()  # type: ignore[attr-defined]

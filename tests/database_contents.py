"""What is in the database: rows, definitions, and the files that hold them."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Identifier

Row = Mapping[str, Any]


def _query(text: Any, *values: str) -> list[Any]:
    """The first column of the answer."""
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return [row[0] for row in cursor.fetchall()]


def tables() -> list[str]:
    """Every table but the list of migrations."""
    return _query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'")


def contents() -> Mapping[str, list[Row]]:
    """Every row of every table."""
    every_row = SQL("SELECT to_jsonb(found)::text FROM {} found")
    return {table: list(map(json.loads, _query(every_row.format(Identifier(table))))) for table in tables()}


def lost(before: Mapping[str, list[Row]]) -> Mapping[str, list[str]]:
    """What was there before and is not, of the tables and columns that are still there."""
    after = contents()
    missing = {}
    for table in before.keys() & after.keys():
        shared = _columns_of(table).intersection(*before[table])
        missing[table] = [*(_shown(before[table], shared) - _shown(after[table], shared)).elements()]
    return {table: found for table, found in missing.items() if found}


def _columns_of(table: str) -> set[str]:
    return {*_query("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)}


def _shown(found: list[Row], shared: Collection[str]) -> Counter[str]:
    return Counter(json.dumps({name: row[name] for name in sorted(shared)}) for row in found)


def schema() -> set[str]:
    """Every column, index, constraint and storage parameter, in PostgreSQL's words."""
    described = (
        "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, collation_name,"
        " is_nullable, column_default) FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index"
        " JOIN pg_class ON oid = indexrelid WHERE relnamespace = 'public'::regnamespace",
        "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "SELECT concat_ws(' ', relname, reloptions) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    )
    return {line for text in described for line in _query(text)}


def files() -> set[str]:
    """The file of each table with its rows, which changes when a table is written anew."""
    text = "SELECT concat_ws(' ', tablename, pg_relation_filenode(tablename::regclass)) FROM pg_tables"
    return {*_query(f"{text} WHERE schemaname = 'public'")}

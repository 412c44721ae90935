"""Migrations forwards and backwards on tables with rows, beside the release before, and with what locks (spec §4)."""

import itertools
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest
from django.apps import apps as current_apps
from django.apps.registry import Apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management import call_command
from django.db import connection
from django.db.migrations import AddField, AlterField, AlterModelOptions, CreateModel, Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Value
from django.db.models.functions import Now
from psycopg.sql import SQL, Identifier

from tests.database_contents import contents, files, lost, schema, tables
from tests.filled_tables import OURS, ROWS, columns, fill, tables_of


@pytest.fixture
def own_database(django_db_blocker) -> Iterator[None]:
    """An empty database in the place of the one that the other tests share."""
    name, usual = f"migrations_{secrets.token_hex(4)}", connection.settings_dict["NAME"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        _connect_to(name)
        with django_db_blocker.unblock():
            yield
            _connect_to(usual)
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _connect_to(name: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
    connection.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()  # their numbers are this database's


# --- Going up and down ---------------------------------------------------------------------------------------


def plan() -> list[Migration]:
    """Every migration, of Django and ours, in the order in which an empty database gets them."""
    executor = MigrationExecutor(None)
    return [each for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)]


def forwards(migration: Migration) -> None:
    MigrationExecutor(connection).migrate([(migration.app_label, migration.name)])


def backwards(migration: Migration) -> None:
    """Unapply it, and nothing else."""
    executor = MigrationExecutor(connection)
    before = [key for key in executor.loader.graph.node_map[key_of(migration)].parents if key[0] == migration.app_label]
    [target] = [tuple(key) for key in before] or [(migration.app_label, None)]
    assert [each for each, _ in executor.migration_plan([target])] == [migration]
    executor.migrate([target])


def key_of(migration: Migration) -> tuple[str, str]:
    return migration.app_label, migration.name


def models_of_now() -> Apps:
    """The models as the migrations that are applied have made them."""
    loader = MigrationLoader(connection)
    return loader.project_state([key for key in loader.applied_migrations if key in loader.graph.nodes]).apps


# --- With rows -----------------------------------------------------------------------------------------------


def test_a_row_of_each_table_says_something_in_each_column():
    silent = {
        model._meta.label: columns(model) - {name for name, value in ROWS[model._meta.label_lower](1).items()}
        for model in tables_of(current_apps)
    }
    assert {label: names for label, names in silent.items() if names} == {}


def test_each_step_keeps_every_row_up_and_down_and_the_release_before_goes_on_working(own_database):
    numbers = itertools.count(1)
    for migration in plan():
        if migration.app_label in OURS:
            _climb(migration, numbers)
        else:
            forwards(migration)


def _climb(migration: Migration, numbers: Iterator[int]) -> None:
    """Take the step, with the release before at work on both sides of it; back again, and once more."""
    before = models_of_now()
    fill(before, next(numbers))
    _step(forwards, migration)
    _work_as(before, next(numbers))
    fill(models_of_now(), next(numbers))
    _step(backwards, migration)
    _work_as(before, next(numbers))
    _step(forwards, migration)


def _step(move: Callable[[Migration], None], migration: Migration) -> None:
    """Move, and lose nothing that has a place on the other side; no table is written anew on the way up."""
    rows, stored = contents(), files()
    move(migration)
    assert lost(rows) == {}, migration
    assert move is backwards or stored <= files(), migration


def _work_as(release: Apps, number: int) -> None:
    """Insert, read and update a row of each table, as the code of that release does."""
    fill(release, number)
    for model in tables_of(release):
        values = {
            name: value for name, value in ROWS[model._meta.label_lower](number).items() if name in columns(model)
        }
        row = model.objects.filter(id=values.pop("id"))
        assert row.values(*values).get().keys() == values.keys()
        assert row.update(**values) == 1


def test_everything_goes_away_step_by_step_and_comes_back_the_same(own_database):
    call_command("migrate", verbosity=0)
    fill(models_of_now(), 1)
    made = schema()
    first = next(number for number, migration in enumerate(plan()) if migration.app_label in OURS)
    for migration in reversed(plan()[first:]):
        _step(backwards, migration)
    assert not {model._meta.db_table for model in tables_of(current_apps)} & {*tables()}
    call_command("migrate", verbosity=0)
    assert schema() == made


# --- Locks ---------------------------------------------------------------------------------------------------

#: Steps with something that the rules below cannot judge, and why it holds up nobody.
REVIEWED: Mapping[tuple[str, str], str] = {
    ("delivery", "0002_ses_feedback"): "the index is made on `deliveries` before the release that fills it",
    ("notifications", "0004_support_group"): "writes two groups and their permissions",
    ("notifications", "0006_vacuum_what_is_inserted"): "SHARE UPDATE EXCLUSIVE, beside which all may read and write",
    ("notifications", "0007_see_how_it_runs"): "writes permissions of groups and staff",
    ("preferences", "0002_flag_and_switch"): "writes two rows",
    ("preferences", "0006_index_names_and_staff"): "ANALYZE: SHARE UPDATE EXCLUSIVE too",
}


@pytest.mark.django_db
def test_no_step_keeps_others_from_a_large_table_for_longer_than_a_moment():
    found = {key_of(migration) for migration in plan() if migration.app_label in OURS for _ in hazards(migration)}
    assert found == {*REVIEWED}


def hazards(migration: Migration) -> Iterator[Operation]:
    """Operations that are not plainly harmless to a table that is large and in use."""
    state = MigrationLoader(None).project_state(key_of(migration), at_end=False)
    made: set[str] = set()  # and so empty
    for operation in migration.operations:
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if isinstance(operation, CreateModel):
            made.add(operation.name_lower)
        elif getattr(operation, "model_name_lower", "") not in made and not _is_brief(
            operation, migration, before, state
        ):
            yield operation


def _is_brief(operation: Operation, migration: Migration, before: ProjectState, after: ProjectState) -> bool:
    match operation:
        case AddIndexConcurrently() | RemoveIndexConcurrently():
            return not migration.atomic
        case AddField():
            return _is_added_at_once(operation.field)
        case AlterField() | AlterModelOptions():
            return not _sql(operation, migration.app_label, before, after)
    return False


def _is_added_at_once(field: Any) -> bool:
    """Whether PostgreSQL only notes the column and its default: nothing is written, looked through or indexed."""
    is_plain = not (field.unique or field.db_index or getattr(field, "db_constraint", False))
    default = field.db_default
    has_constant = isinstance(default, str | int | Value | Now)
    return is_plain and (has_constant or (field.null and default is NOT_PROVIDED))


def _sql(operation: Operation, app_label: str, before: ProjectState, after: ProjectState) -> list[str]:
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        operation.database_forwards(app_label, editor, before, after)
    return [line for line in editor.collected_sql if not line.startswith("--")]

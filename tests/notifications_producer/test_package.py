"""The client is installed where nothing of the service is."""

import ast
import sys
import tomllib
from pathlib import Path

import notifications_producer

PACKAGE = Path(notifications_producer.__file__).parent
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())


def imported(module: Path) -> set[str]:
    statements = list(ast.walk(ast.parse(module.read_text())))
    whole = [alias.name for statement in statements if isinstance(statement, ast.Import) for alias in statement.names]
    parts = [statement.module or "" for statement in statements if isinstance(statement, ast.ImportFrom)]
    return {name.partition(".")[0] for name in [*whole, *parts]}


def test_it_needs_boto3_alone():
    assert [requirement.partition(">")[0] for requirement in PROJECT["project"]["dependencies"]] == ["boto3"]
    foreign = set().union(*map(imported, PACKAGE.glob("*.py"))) - sys.stdlib_module_names
    assert foreign == {"boto3", "botocore", "notifications_producer"}


def test_the_wheel_holds_every_module_and_the_mark_of_its_types():
    assert PROJECT["tool"]["setuptools"]["packages"] == ["notifications_producer"]
    assert not [path for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert (PACKAGE / "py.typed").exists()

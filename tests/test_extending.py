"""Whoever adds a channel or a push platform is led to every place that has to know it, and the guides name them all."""

import ast
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from django.conf import settings

from delivery import transports
from delivery.errors import DeadToken
from delivery.retries import ANSWERS_FOR_GOOD
from delivery.transports.registry import OUTBOUND
from notifications.models import Decision
from preferences.catalog import DEFAULT_MAX_AGE, Channel
from preferences.push_tokens import Platform
from telemetry.metric_catalog import Queue

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("notifications_project", "notifications", "delivery", "preferences", "telemetry")
#: Of the first release. Code that tells all of these apart has to do so with whatever comes later.
CHANNELS = frozenset({"in_app", "email", "push"})
PLATFORMS = frozenset({"ios", "android"})

Statements = list[ast.stmt]
OF_THEIR_OWN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Place:
    """A function, the fields of a class, or a statement outside of both, with the words that it uses."""

    file: str
    line: int
    words: frozenset[str]  # names, keywords, and what stands in strings: {"email": …}, Channel.EMAIL, `in_app text`
    cases: frozenset[str]  # of these, members of enumerations and whole strings

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@cache
def places() -> tuple[Place, ...]:
    """All of what ships; migrations are history."""
    files = (path for package in SHIPPED for path in sorted((ROOT / package).rglob("*.py")))
    return tuple(place for path in files if "migrations" not in path.parts for place in places_of(path))


def places_of(path: Path) -> Iterator[Place]:
    for statements in parts(ast.parse(path.read_text()).body):
        nodes = [node for statement in statements for node in ast.walk(statement)]
        cases = frozenset(word.lower() for node in nodes for word in cases_of(node))
        words = frozenset(word.lower() for node in nodes for word in words_of(node)) | cases
        yield Place(str(path.relative_to(ROOT)), statements[0].lineno, words, cases)


def parts(body: Statements) -> Iterator[Statements]:
    """Take a module apart: its functions and methods, the fields of each class together, every other statement."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            inner: Statements = [part for part in statement.body if isinstance(part, OF_THEIR_OWN)]
            yield from parts(inner)
            if fields := [part for part in statement.body if part not in inner and not is_docstring(part)]:
                yield fields
        elif not is_docstring(statement):
            yield [statement]


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def cases_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="Channel" | "Platform"), attr=name):
            yield name
        case ast.Constant(value=str(text)) if text.isidentifier():
            yield text


def words_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            yield name
        case ast.Constant(value=str(text)):
            yield from re.findall(r"\w+", text)


def telling_apart_channels() -> list[Place]:
    """A word such as "email" means much by itself: all three together, or two that are cases, mean the channels."""
    outbound = CHANNELS - {"in_app"}
    return [place for place in places() if place.words >= CHANNELS or place.cases >= outbound]


def telling_apart_platforms() -> list[Place]:
    return [place for place in places() if place.cases >= PLATFORMS]


def named_in(guide: str) -> set[str]:
    """The files of code that the guide names."""
    return set(re.findall(r"`((?:\w+/)+\w+\.py)`", (ROOT / "docs" / guide).read_text()))


def files(found: list[Place]) -> Set[str]:
    return {place.file for place in found}


# --- Channels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", telling_apart_channels(), ids=str)
def test_code_that_tells_channels_apart_knows_each_of_them(place: Place):
    present = place.words if place.words >= CHANNELS else place.words | {Channel.IN_APP}
    missing = [channel.value for channel in Channel if channel.value not in present]
    assert not missing, f"{place} names the other channels and not {', '.join(missing)}: docs/adding-a-channel.md"


def test_the_guide_to_a_channel_names_every_file_that_tells_them_apart():
    assert files(telling_apart_channels()) - named_in("adding-a-channel.md") == set()


@pytest.mark.parametrize("channel", OUTBOUND)
def test_every_outbound_channel_has_an_age_a_rate_a_queue_and_a_column(channel: Channel):
    assert DEFAULT_MAX_AGE[channel]
    assert channel in settings.OUTBOUND_PER_SECOND
    assert Queue(f"{channel}_tasks")
    assert Decision._meta.get_field(channel.value)


def test_every_channel_but_the_inbox_goes_out():
    assert set(OUTBOUND) == set(Channel) - {Channel.IN_APP}


# --- Providers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", telling_apart_platforms(), ids=str)
def test_code_that_tells_push_platforms_apart_knows_each_of_them(place: Place):
    missing = [platform.value for platform in Platform if platform.value not in place.words]
    assert not missing, f"{place} names the other platforms and not {', '.join(missing)}: docs/adding-a-provider.md"


def test_the_guide_to_a_provider_names_every_file_that_tells_them_apart():
    assert files(telling_apart_platforms()) - named_in("adding-a-provider.md") == set()


def test_a_retry_leaves_every_device_alone_that_its_provider_called_dead():
    modules = [import_module(f"delivery.transports.{found.name}") for found in iter_modules(transports.__path__)]
    tables = [module._FAILURES for module in modules if hasattr(module, "_FAILURES")]
    dead = {code for table in tables for code, failure in table.items() if failure is DeadToken}
    assert dead
    assert dead <= ANSWERS_FOR_GOOD

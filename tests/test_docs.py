"""The documents say what the code does: lists, names and links of docs/ are held against it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from notifications import api_shapes
from notifications.events import read_event
from notifications.models import Rejection
from notifications.sockets import messages
from notifications.sockets.admission import CloseCode
from preferences import choices
from preferences.api_calls import ServiceView
from preferences.api_errors import STATUS, ErrorCode, error_body
from preferences.catalog import TYPES, Channel
from preferences.decisions import Reason
from preferences.models import User

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "notifications_producer/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SPEC = (ROOT / "docs" / "spec.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SHIPPED = ("notifications_project", "notifications", "delivery", "preferences", "telemetry", "notifications_producer")
METHODS = ("get", "post", "put", "patch", "delete")
EVERYBODYS = {"400", "401", "403", "405", "429", "500", "503"}


def section(heading: str) -> str:
    """The part of the specification under this heading, with what is below it."""
    level = heading.partition(" ")[0]
    _, _, rest = SPEC.partition(f"\n{heading}\n")
    assert rest, f"{heading} is missing"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables, heads among them."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def codes(text: str) -> set[str]:
    """Everything in code type in the first column of the tables."""
    return {code for cells in rows(text) for code in re.findall(r"`([^`]+)`", cells[0])}


# --- Calls ---------------------------------------------------------------------------------------------------


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, type]]:
    """Each address of the API with its view."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif path.startswith("api/v1/"):
            yield "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path), pattern.callback.view_class  # type: ignore[attr-defined]  # as_view sets it


def built() -> Mapping[str, tuple[str, str, set[str]]]:
    """By method and address: who may call, how often, and the statuses of errors that the call adds to everybody's."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        f"{method.upper()} {path}": (
            "service" if issubclass(view, ServiceView) else "user",
            f"{getattr(view, method).limit.per_minute} a minute",
            {status for status in paths[path][method]["responses"] if status >= "400"} - EVERYBODYS,
        )
        for path, view in routes(get_resolver().url_patterns)
        for method in METHODS
        if hasattr(view, method)
    }


def documented() -> Mapping[str, tuple[str, str, set[str]]]:
    calls = re.findall(r"^### ((?:GET|POST|PUT|PATCH|DELETE) /api/\S+)$", SPEC, re.MULTILINE)
    properties = {call: {cells[0]: cells[1] for cells in rows(section(f"### {call}"))} for call in calls}
    return {
        call: (found["Auth"], found["Rate Limit"], set(re.findall(r"\d+", found.get("Errors", ""))))
        for call, found in properties.items()
    }


def test_the_specification_has_every_call_with_who_may_make_it_how_often_and_its_errors():
    assert documented() == built()


def test_the_specification_has_every_error_with_its_status():
    found = {cells[1].strip("`"): cells[0] for cells in rows(section("### Errors")) if cells[0].isdigit()}
    assert found == {code.value: str(status) for code, status in STATUS.items()}


# --- Examples ------------------------------------------------------------------------------------------------


def example(heading: str) -> Any:
    """The first block of JSON below the heading."""
    found = re.search(r"```json\n(.*?)```", section(heading), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_example_of_an_event_is_accepted():
    event = read_event(example("### Events in"), sent_at=timezone.now(), now=timezone.now())
    assert event.type.name == "task_assigned"


def test_the_example_of_an_error_is_one():
    assert example("### Errors") == error_body(ErrorCode.INVALID_REQUEST, details={"preferences.x": "unknown type"})


@pytest.mark.parametrize(
    ("call", "shape"), [("", api_shapes.NotificationPage), ("/{notification_id}/explanation", api_shapes.Explanation)]
)
def test_the_examples_of_answers_have_their_shape(call, shape):
    answer = shape(data=example(f"### GET /api/v1/notifications{call}"))
    assert answer.is_valid(), answer.errors
    assert answer.initial_data.keys() == answer.fields.keys()


def test_the_example_of_preferences_can_be_put_back_and_shows_the_defaults():
    shown = example("### GET /api/v1/notifications/preferences")
    del shown["catalog"]
    chosen = choices.from_request(shown)
    assert all(chosen.wants(type_, channel) == type_.default(channel) for type_ in TYPES for channel in Channel)
    assert shown["preferences"].keys() <= {type_.name for type_ in TYPES}


# --- Codes ---------------------------------------------------------------------------------------------------


def test_the_specification_has_every_reason_for_a_rejection():
    _, _, table = section("### Events in").partition("| rejected because |")
    assert codes(table) == set(Rejection.values)


def test_the_specification_has_every_reason_of_a_decision_with_its_outcome():
    table = [cells for cells in rows(section("### Decisions")) if "`" in cells[0]]
    found = {code: cells[1] for cells in table for code in re.findall(r"`(\w+)`", cells[0])}
    assert found == {reason.value: reason.outcome.value for reason in Reason}


def test_the_specification_has_every_code_of_the_socket():
    text = section("### WebSocket")
    assert {code for code in codes(text) if code.isdigit()} == {str(code.value) for code in CloseCode}
    assert set(messages.ErrorCode) <= set(re.findall(r"`(\w+)`", text))


# --- Tables --------------------------------------------------------------------------------------------------

OURS = [
    model
    for model in apps.get_models()
    if model._meta.app_label in ("notifications", "delivery") and not model._meta.proxy
]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.db_table)
def test_the_specification_has_every_column_and_index_of_a_table(model: type[Model]):
    table = model._meta.db_table
    found = re.search(rf"CREATE TABLE {table} \(.*?\n(.*?)\n\);", SPEC, re.DOTALL)
    assert found, f"{table} is missing"
    columns = {line.split()[0] for line in found[1].splitlines() if not line.lstrip().startswith("CONSTRAINT")}
    assert columns == {field.column for field in model._meta.concrete_fields}
    assert set(re.findall(rf"CREATE INDEX (\w+) ON {table} ", SPEC)) == {index.name for index in model._meta.indexes}


def test_the_specification_has_every_index_that_users_get():
    assert {index.name for index in User._meta.indexes} <= set(re.findall(r"`(idx_users_\w+)`", SPEC))


# --- Names ---------------------------------------------------------------------------------------------------


def test_every_scenario_of_the_specification_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", SPEC))
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert named
    assert named <= written


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_names_exists(path: Path):
    assert set(re.findall(r"manage\.py ([a-z_]+)", path.read_text())) <= get_commands().keys()


@pytest.fixture(scope="module")
def code() -> str:
    """All that ships, as text."""
    shipped = [file for package in SHIPPED for file in (ROOT / package).rglob("*.py")]
    return "".join(file.read_text() for file in [*shipped, ROOT / "Procfile"])


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.parent.name == "docs"], ids=lambda path: path.name)
def test_every_setting_and_code_in_capitals_that_a_document_names_is_in_the_code(path: Path, code: str):
    named = re.findall(r"`([A-Z0-9]+(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", path.read_text())
    assert [name for name in named if not re.search(rf"\b{name}\b", code)] == []


def test_every_log_line_that_is_to_be_looked_for_is_in_the_code(code: str):
    in_tables = [
        line
        for row in re.findall(r"^\| log \|.*", OPERATIONS, re.MULTILINE)
        for line in re.findall(r"`(\w+ [^`]+)`", row)
    ]
    in_words = re.findall(r"[Ll]og:?\s`([^`]+)`", OPERATIONS)
    assert in_tables
    assert in_words
    assert [line for line in [*in_tables, *in_words] if not re.search(rf'"{re.escape(line)}[":]', code)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "monitoring" / "monitors").glob("*.json")), ids=lambda path: path.stem)
def test_every_alert_leads_to_a_section_for_whoever_is_on_call(path: Path):
    found = re.search(r"docs/operations\.md, “(Alert: [^”]+)”", json.loads(path.read_text())["message"])
    assert found
    assert f"\n## {found[1]}\n" in OPERATIONS


# --- Links ---------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path):
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text()):
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link

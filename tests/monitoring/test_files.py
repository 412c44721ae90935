"""What Datadog would be given: right by its published schema, and true to what we emit.

The schema cannot tell whether Datadog's query language takes the queries; tests/monitoring/queries.py reads them by a
grammar of our own.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from datadog_api_client import Configuration
from datadog_api_client.exceptions import ApiTypeError, ApiValueError
from datadog_api_client.model_utils import OpenApiModel, validate_and_convert_types
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v2.model.metric_tag_configuration_create_request import MetricTagConfigurationCreateRequest

from delivery import delivery_metrics  # noqa: F401 - lists what its tags may say
from notifications import batch_metrics  # noqa: F401
from telemetry.metric_catalog import MEANINGS, Kind, Metric, Tag
from telemetry.metrics import allowed
from tests.dogstatsd import CONSTANT
from tests.monitoring import files
from tests.monitoring.queries import Query, read_monitor

QUERIES = {query.text: query for query in (*files.dashboard_queries(), *files.monitor_queries())}
#: How each kind may be summed up over its series.
SENSIBLE = {
    Kind.COUNT: {"sum"},
    Kind.GAUGE: {"sum", "max"},
    Kind.DISTRIBUTION: {"avg", "max", "p50", "p95", "p99"},
}


def strictly(document: Any, model: type[OpenApiModel]) -> OpenApiModel:
    """Return the document as Datadog's model, which lets pass what it does not know: that is looked for here."""
    read = validate_and_convert_types(document, (model,), ["body"], True, True, Configuration())
    assert unknown_parts(read) == []
    return read


def unknown_parts(part: Any, path: str = "") -> list[str]:
    if isinstance(part, list):
        return [found for number, item in enumerate(part) for found in unknown_parts(item, f"{path}[{number}]")]
    if not isinstance(part, OpenApiModel):
        return []
    if part._unparsed:
        return [f"{path}: fits none of {type(part).__name__}"]
    fields = getattr(part, "_data_store", {})
    unknown = [f"{path}.{name}" for name in fields if name not in (part.openapi_types or {})]
    return unknown + [found for name, value in fields.items() for found in unknown_parts(value, f"{path}.{name}")]


def test_the_dashboard_fits_the_published_schema():
    assert strictly(files.dashboard(), Dashboard).title == "Notifications Overview"


@pytest.mark.parametrize("name", files.monitors())
def test_each_monitor_fits_the_published_schema(name):
    strictly(files.monitors()[name], Monitor)


@pytest.mark.parametrize("name", files.percentiles())
def test_what_turns_percentiles_on_fits_the_published_schema(name):
    document = strictly(files.percentiles()[name], MetricTagConfigurationCreateRequest)
    assert document.data.id == name


@pytest.mark.parametrize(
    "change",
    [{"type": "no such alert"}, {"query": 5}, {"priority": "high"}, {"options": {"threshold": {}}}, {"mesage": "x"}],
    ids=str,
)
def test_the_schema_would_notice(change):
    with pytest.raises((AssertionError, ApiTypeError, ApiValueError)):
        strictly({**files.monitors()["latency-p95"], **change}, Monitor)


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda query: query.text)
def test_every_query_asks_for_what_is_emitted(query: Query):
    meaning = MEANINGS[Metric(query.metric)]
    assert query.tags <= {*meaning.tags, *CONSTANT}
    assert query.how in SENSIBLE[meaning.kind]
    assert bool(query.as_) is (meaning.kind is Kind.COUNT)
    for name, value in query.wanted | query.unwanted:
        assert value == CONSTANT[name] if name in CONSTANT else value in allowed(Tag(name))


def test_the_dashboard_shows_every_metric():
    assert {query.metric for query in files.dashboard_queries()} == set(Metric)


def test_every_query_of_the_dashboard_follows_its_variables():
    variables = {f"${variable['name']}" for variable in files.dashboard()["template_variables"]}
    for query in files.dashboard_queries():
        assert variables <= set(re.findall(r"\$\w+", query.text))


def test_every_formula_of_the_dashboard_uses_its_queries():
    for request in files.requests():
        names = {query["name"] for query in request["queries"]}
        used = {name for formula in request["formulas"] for name in re.findall(r"\b[a-f]\b", formula["formula"])}
        assert used == names


def test_no_two_widgets_of_a_group_have_one_title():
    for group in files.dashboard()["widgets"]:
        titles = [widget["definition"]["title"] for widget in group["definition"]["widgets"]]
        assert len(set(titles)) == len(titles)


def test_percentiles_are_turned_on_for_whatever_is_asked_for_them():
    asked = {query.metric for query in QUERIES.values() if query.how.startswith("p")}
    assert asked == set(files.percentiles())
    for name, document in files.percentiles().items():
        used = {tag for query in QUERIES.values() if query.metric == name for tag in query.tags}
        assert used | set(CONSTANT) == set(document["data"]["attributes"]["tags"])


@pytest.mark.parametrize("name", files.monitors())
def test_each_monitor_says_the_same_in_query_and_thresholds_and_where_to_read_on(name):
    monitor = files.monitors()[name]
    query = read_monitor(monitor["query"])
    assert monitor["options"]["thresholds"]["critical"] == query.threshold
    assert set(CONSTANT.items()) <= set.intersection(*(set(part.wanted) for part in query.queries))
    assert monitor["priority"] in range(1, 6)  # the schema's own bounds are not looked at without a server
    assert re.search(r"docs/operations\.md, “Alert: [a-z ]+”", monitor["message"])


def test_the_alerts_of_the_seed_have_the_thresholds_of_the_seed():
    queries = {name: read_monitor(monitor["query"]) for name, monitor in files.monitors().items()}
    thresholds = {name: (queries[name].comparator, queries[name].threshold) for name in SEED}
    assert thresholds == SEED


SEED = {"queue-depth": (">", 10_000.0), "latency-p95": (">", 5.0), "error-rate": (">", 1.0)}


def test_the_monitors_ask_by_what_the_settings_put_on_every_metric(settings):
    example = (Path(settings.BASE_DIR) / ".env.example").read_text()
    tags = ",".join(f"{name}:{value}" for name, value in CONSTANT.items())
    assert re.search(rf"^METRICS_TAGS={re.escape(tags)}$", example, re.MULTILINE)

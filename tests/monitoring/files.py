"""The files of monitoring/, as they lie there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.monitoring.queries import Query, read, read_monitor

MONITORING = Path(__file__).resolve().parent.parent.parent / "monitoring"


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    document: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return document


def monitors() -> dict[str, dict[str, Any]]:
    """The monitors, by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((MONITORING / "monitors").glob("*.json"))}


def percentiles() -> dict[str, dict[str, Any]]:
    """What turns percentiles on, by metric."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((MONITORING / "percentiles").glob("*.json"))}


def widgets() -> Iterator[dict[str, Any]]:
    """Every widget of the dashboard that shows something, in its order."""
    for group in dashboard()["widgets"]:
        for widget in group["definition"]["widgets"]:
            yield widget["definition"]


def requests() -> Iterator[dict[str, Any]]:
    """What the widgets ask."""
    for widget in widgets():
        yield from widget["requests"]


def dashboard_queries() -> list[Query]:
    """All queries of the dashboard."""
    return [read(query["query"]) for request in requests() for query in request["queries"]]


def monitor_queries() -> list[Query]:
    """All queries of the monitors."""
    return [query for monitor in monitors().values() for query in read_monitor(monitor["query"]).queries]

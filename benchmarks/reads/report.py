"""The results for people (tables) and for programs (JSON)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table

from benchmarks import machine, musts
from benchmarks.musts import Must
from benchmarks.percentiles import Percentiles
from benchmarks.reads import verdict
from benchmarks.reads.measures import Scale, Shown, Tally
from benchmarks.tables import table as _table


def as_json(scale: Scale, results: Sequence[Shown], held: Sequence[Must]) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    return {
        "machine": machine.describe(),
        "scale": asdict(scale),
        "passed": all(must.holds for must in held),
        "musts": [asdict(must) for must in held],
        "scenes": [
            {
                **asdict(shown.scene),
                "stored_per_second": shown.stored_per_second,
                "last_page_by_first": verdict.ratio(shown),
                "calls": {kind: _figures(shown, tally) for kind, tally in shown.tallies.items()},
            }
            for shown in results
        ],
    }


def as_tables(results: Sequence[Shown], held: Sequence[Must]) -> Group:
    """Return what the terminal shows."""
    return Group(*map(_scene, results), musts.as_table(held))


def _figures(shown: Shown, tally: Tally) -> dict[str, Any]:
    """Without PostgreSQL's CPU where it stores events, too."""
    return {
        "calls": len(tally.seconds),
        "latency_ms": asdict(Percentiles.of(tally.seconds)),
        "web_cpu_us": tally.us(tally.web),
        "database_cpu_us": None if shown.scene.writes else tally.us(tally.database),
        "client_cpu_us": tally.us(tally.client),
    }


def _scene(shown: Shown) -> Table:
    columns = ("calls", "P50 ms", "P95 ms", "P99 ms", "web µs", "PostgreSQL µs", "client µs")
    title = f"{shown.scene.name}: latency, and CPU of a call"
    table = _table(title, f"page 40 / page 1: {verdict.ratio(shown):.2f}", *columns)
    for kind, tally in shown.tallies.items():
        latency = Percentiles.of(tally.seconds)
        figures = _figures(shown, tally)
        used = (figures["web_cpu_us"], figures["database_cpu_us"], figures["client_cpu_us"])
        times = (f"{value:,.1f}" for value in (latency.p50, latency.p95, latency.p99))
        table.add_row(kind, f"{len(tally.seconds):,}", *times, *("" if us is None else f"{us:,.0f}" for us in used))
    return table

"""The results of a load for people (tables) and for programs (JSON)."""

from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table

from benchmarks import machine, musts
from benchmarks.load import verdict
from benchmarks.load.run import Results
from benchmarks.percentiles import Percentiles
from benchmarks.tables import table as _table

_MIB = 1024 * 1024


def as_json(results: Results) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    plan = results.plan
    return {
        "machine": machine.describe(),
        "plan": {**asdict(plan), "events": plan.count, "way": plan.mix.way},
        "passed": results.is_passed,
        "musts": [asdict(must) for must in results.musts],
        "account": asdict(results.account),
        "stages_ms": {
            stage.name: {
                "events": stage.events,
                "since_due": asdict(stage.since_due),
                f"since_{stage.before}": asdict(stage.since_before),
            }
            for stage in results.stages
        },
        "producer_lag_ms": asdict(results.lag),
        "drained_after_seconds": results.drained_after,
        "cores": verdict.cores(plan, results.samples),
        "cpu_us_per_event": verdict.cpu_per_event(plan, results.samples),
        "memory_mib": {
            part: {"median": middle / _MIB, "growth": grown / _MIB}
            for part, (middle, grown) in verdict.memory(plan, results.samples).items()
        },
        "event_to_socket_ms_by_second": [{"at": one.at, **asdict(one.latency)} for one in results.seconds],
        "samples": [asdict(sample) for sample in results.samples],
    }


def as_tables(results: Results) -> Group:
    """Return what the terminal shows."""
    return Group(_account(results), _stages(results), _parts(results), musts.as_table(results.musts))


def _account(results: Results) -> Table:
    table = _table(f"Account of {results.plan.count:,} events", "", "by the mix", "found", "lost", "doubled")
    for line in results.account.lines:
        style = "" if line.is_clean else "red"
        cells = (line.expected, line.found, line.lost, line.doubled)
        table.add_row(line.place, *(f"{cell:,}" for cell in cells), style=style)
    return table


def _stages(results: Results) -> Table:
    columns = ("events", "P50 ms", "P95 ms", "P99 ms", "since", "P50 ms", "P95 ms", "P99 ms")
    table = _table("Latency: since the event was due, and since the stage before", "", *columns)
    for stage in results.stages:
        table.add_row(
            stage.name, f"{stage.events:,}", *_cells(stage.since_due), stage.before, *_cells(stage.since_before)
        )
    return table


def _cells(latency: Percentiles) -> list[str]:
    return [f"{value:,.0f}" for value in (latency.p50, latency.p95, latency.p99)]


def _parts(results: Results) -> Table:
    table = _table("At the steady rate", "", "cores", "CPU µs an event", "memory MiB", "grown by MiB")
    memory = verdict.memory(results.plan, results.samples)
    per_event = verdict.cpu_per_event(results.plan, results.samples)
    for part, used in verdict.cores(results.plan, results.samples).items():
        middle, grown = memory.get(part, (0.0, 0.0))
        sizes = (f"{middle / _MIB:,.0f}", f"{grown / _MIB:+,.1f}") if part in memory else ("", "")
        table.add_row(part, f"{used:.2f}", f"{per_event[part]:,.0f}", *sizes)
    return table

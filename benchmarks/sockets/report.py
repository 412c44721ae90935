"""The results for people (tables) and for programs (JSON)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Group
from rich.table import Table

from benchmarks import machine
from benchmarks.percentiles import Percentiles
from benchmarks.sockets.measures import Result
from benchmarks.sockets.verdict import Line, passed

_KB: Final = 1000.0
_MOST_FAILURES: Final = 20  # of those that are told


def as_json(result: Result, lines: Sequence[Line]) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    figures = asdict(result)
    figures["openings"]["failures"] = list(result.openings.failures[:_MOST_FAILURES])
    figures["memory"]["per_socket"] = result.memory.per_socket
    figures["memory"]["growth_per_socket"] = result.memory.growth_per_socket
    verdict = [asdict(line) for line in lines]
    return {"machine": machine.describe(), **figures, "verdict": verdict, "passed": passed(list(lines))}


def as_tables(result: Result, lines: Sequence[Line]) -> Group:
    """Return what the terminal shows."""
    return Group(_figures(result), _verdict(lines))


def _figures(result: Result) -> Table:
    table = _table(f"{result.sockets:,} sockets in one web process", "", "measured")
    for text, measured in _rows(result):
        table.add_row(text, measured)
    return table


def _rows(result: Result) -> list[tuple[str, str]]:
    openings, memory, ring = result.openings, result.memory, result.ring
    per_socket = result.idle_cores / max(openings.opened, 1) * 1e6
    return [
        ("handshakes", f"{openings.opened / openings.seconds:,.0f}/s at {openings.web_cpu_us:,.0f} µs CPU each"),
        ("connecting to hello", _latency(openings.handshake_ms)),
        (
            "memory of the web process",
            f"{memory.per_socket / _KB:,.1f} KB a socket, {memory.before / 1e6:,.0f} MB without",
        ),
        ("  after all were closed", f"{(memory.closed - memory.before) / 1e6:+,.0f} MB"),
        ("  when all were open again", f"{memory.growth_per_socket / _KB:+,.2f} KB a socket"),
        ("memory of Valkey", f"{result.valkey_per_socket / _KB:,.1f} KB a socket"),
        ("idle", f"{result.idle_cores:.3f} cores, {per_socket:,.1f} µs CPU a socket and second"),
        ("one bell rings, from when it was due", _latency(result.probe_ms)),
        ("all bells ring", f"the last after {ring.seconds:,.2f} s, {ring.web_cpu_us:,.0f} µs CPU each"),
    ]


def _latency(latency: Percentiles) -> str:
    return f"P50 {latency.p50:,.1f}, P95 {latency.p95:,.1f}, worst {latency.maximum:,.1f} ms"


def _verdict(lines: Sequence[Line]) -> Table:
    table = _table("Against spec §10", "", "measured", "")
    for line in lines:
        failed = "[yellow]missed, an aim[/]" if line.is_aim else "[red]failed[/]"
        table.add_row(line.text, line.measured, "[green]holds[/]" if line.holds else failed)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column)
    return table

"""The curves for people (tables) and for programs (JSON)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Group
from rich.table import Table

from benchmarks import machine
from benchmarks.growth.drain import Point
from benchmarks.growth.scale import Curve, Scale

_MIB: Final = 1024 * 1024
_TOLERABLE_CORES: Final = 0.1
_PARTS: Final = ("intake", "Celery workers", "PostgreSQL", "SQS emulator", "Valkey", "web")
_TITLES: Final = {
    Curve.BATCH_SIZE: "INTAKE_BATCH_MESSAGES, one event a message",
    Curve.RECIPIENTS: "Recipients of one event, alone, from its publication",
    Curve.TABLE_SIZE: "Rows in each table, ten events a message, half of them hold a mail",
    Curve.LATENCY: "Added to every call of SQS (ms), one event a message",
    Curve.SOCKETS: "Idle sockets in the web process, ten events a message, to the last of 200 bells",
}
_LEGEND: Final = (
    "[dim]Parts: CPU, µs for one notification. Together: notifications stored by one transaction. MiB: by how much the "
    "intake grew at most. Noise: cores that other programs used.[/]"
)


def as_json(points: Iterable[Point], scale: Scale) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    return {"machine": machine.describe(), "scale": asdict(scale), "points": [_as_json(point) for point in points]}


def _as_json(point: Point) -> dict[str, Any]:
    figures = ("seconds", "per_second", "cpu_us", "per_transaction", "memory_growth", "noise")
    return {**asdict(point), **{figure: getattr(point, figure) for figure in figures}}


def as_tables(points: Sequence[Point]) -> Group:
    """Return what the terminal shows."""
    curves = [[point for point in points if point.curve is curve] for curve in Curve]
    return Group(*(_table(curve) for curve in curves if curve), _LEGEND, _warning(points))


def _table(points: Sequence[Point]) -> Table:
    """A line for each point of one curve."""
    table = Table(title=_TITLES[points[0].curve], title_justify="left", title_style="bold")
    parts = [part for part in _PARTS if any(part in point.cpu_us for point in points)]
    table.add_column("", no_wrap=True)
    for column in ("", "seconds", "per s", *parts, "together", "MiB", "noise"):
        table.add_column(column, justify="right")
    for point in points:
        cpu = (f"{point.cpu_us[part]:,.0f}" if part in point.cpu_us else "" for part in parts)
        table.add_row(point.contest, f"{point.at:,.0f}", *_rate(point), *cpu, *_rest(point))
    return table


def _rate(point: Point) -> tuple[str, str]:
    return f"{point.seconds:,.2f}", f"{point.per_second:,.0f}"


def _rest(point: Point) -> tuple[str, str, str]:
    """How many were stored together, the consumer's memory, and cores that other programs used."""
    together = "" if point.per_transaction is None else f"{point.per_transaction:,.0f}"
    grown = "" if point.memory_growth is None else f"{point.memory_growth / _MIB:,.1f}"
    return together, grown, f"{point.noise:.2f}"


def _warning(points: Sequence[Point]) -> str:
    if max(point.noise for point in points) < _TOLERABLE_CORES:
        return ""
    return "[yellow]Other programs were busy on this machine: the seconds are too many. Repeat when it is quiet.[/]"

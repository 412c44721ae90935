"""The picture of the curves, drawn from their JSON: `python -m benchmarks.growth.plot var/bench-growth.json`."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.growth.scale import Contest, Curve
from benchmarks.plot_style import STYLE

_STYLE: Final[Any] = {**STYLE, "lines.linewidth": 1.6, "lines.marker": "o", "lines.markersize": 4}
#: Of each part, told apart by people who see no red or green, too (Okabe and Ito).
_COLOURS: Final = {
    "intake": "#0072b2",
    "Celery workers": "#d55e00",
    "PostgreSQL": "#009e73",
    "SQS emulator": "#999999",
    "web": "#cc79a7",
    "ours": "#0072b2",
    "Celery": "#d55e00",
}
_LIMITS: Final = {"must": 5.0, "aim": 1.5}  # seconds for the largest event (spec §10)
_GREY: Final = "#5f6368"
_MIB: Final = 1024 * 1024
_BESIDE: Final[Any] = {"textcoords": "offset points"}
_HEIGHT, _NAME_HEIGHT = 125.0, 11.0  # of an axis and of a line's name in it, about, in points

Content = Mapping[str, Any]
Points = Sequence[Mapping[str, Any]]
Line = tuple[Sequence[float], Sequence[float]]


def draw(content: Content, file: Path) -> None:
    """Draw what report.as_json returned into a PNG: a row for each curve that is in it."""
    curves = {curve: [point for point in content["points"] if point["curve"] == curve] for curve in Curve}
    present = {curve: points for curve, points in curves.items() if points}
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(
            len(present), 2, figsize=(10, 1.0 + 2.4 * len(present)), layout="constrained", squeeze=False
        )
        for (left, right), (curve, points) in zip(axes, present.items(), strict=True):
            _DRAWN[curve](left, right, points)
        figure.suptitle(_title(content), x=0.01, ha="left", fontsize=11)
        figure.savefig(file, dpi=110)
        plt.close(figure)


def _title(content: Content) -> str:
    machine = content["machine"]
    noise = max(point["noise"] for point in content["points"])
    return (
        f"What grows: {machine['cores']} cores of {machine['cpu']}, {machine['measured_at']}, {machine['commit']}\n"
        f"medians of {content['scale']['rounds']} each, sizes at equal distances; "
        f"other programs used {noise:.2f} cores at most"
    )


def _batch_size(left: Axes, right: Axes, points: Points) -> None:
    along = "INTAKE_BATCH_MESSAGES"
    _lines(left, "Batch size: events/s", {"": _line(points, "per_second")}, along)
    _lines(right, "CPU µs an event", _cpu(points, ("intake", "PostgreSQL")), along, is_log=True)


def _recipients(left: Axes, right: Axes, points: Points) -> None:
    _lines(left, "One event: seconds to the last row", {"": _line(points, "seconds")}, "recipients", is_log=True)
    for name, seconds in _LIMITS.items():
        left.axhline(seconds, color=_GREY, linewidth=0.8, linestyle=":", marker="")
        left.annotate(f"{name} {seconds:g} s", (0, seconds), (0, 2), **_BESIDE, color=_GREY)
    left.set_ylim(top=2 * max(*_LIMITS.values(), *(point["seconds"] for point in points)))
    grown = ([point["at"] for point in points], [point["memory_growth"] / _MIB for point in points])
    _lines(right, "Memory that the intake takes for it at most (MiB)", {"": grown}, "recipients")


def _table_size(left: Axes, right: Axes, points: Points) -> None:
    along = "rows in each table"
    _lines(left, "Rows in the tables: events/s", {"": _line(points, "per_second")}, along)
    _lines(right, "CPU µs an event", _cpu(points, ("intake", "PostgreSQL")), along)


def _latency(left: Axes, right: Axes, points: Points) -> None:
    along = "ms added to every call of SQS"
    ours, baseline = ([one for one in points if one["contest"] == contest] for contest in Contest)
    rates = {"ours": _line(ours, "per_second"), "Celery": _line(baseline, "per_second")}
    used = {**_cpu(ours, ("intake",)), **_cpu(baseline, ("Celery workers",))}
    _lines(left, "Way to SQS: events/s, ours and one Celery task per event", rates, along, is_log=True)
    _lines(right, "CPU µs an event, of the consumer alone", used, along, is_log=True)


def _sockets(left: Axes, right: Axes, points: Points) -> None:
    along = "open idle sockets"
    _lines(left, "Open sockets: events/s to the last bell", {"": _line(points, "per_second")}, along)
    _lines(right, "CPU µs an event", _cpu(points, ("intake", "PostgreSQL", "web")), along)


_DRAWN: Final = {
    Curve.BATCH_SIZE: _batch_size,
    Curve.RECIPIENTS: _recipients,
    Curve.TABLE_SIZE: _table_size,
    Curve.LATENCY: _latency,
    Curve.SOCKETS: _sockets,
}


def _line(points: Points, figure: str) -> Line:
    return [point["at"] for point in points], [point[figure] for point in points]


def _cpu(points: Points, parts: Sequence[str]) -> dict[str, Line]:
    at = [point["at"] for point in points]
    return {part: (at, [point["cpu_us"][part] for point in points]) for part in parts}


def _lines(axis: Axes, title: str, lines: Mapping[str, Line], along: str, *, is_log: bool = False) -> None:
    """Draw each line in its colour, with its name at its end and its figures on its points.

    What was measured stands at equal distances: the sizes grow by leaps.
    """
    ranked = sorted(lines, key=lambda name: lines[name][1][-1], reverse=True)
    places = {x: place for place, x in enumerate(sorted({x for xs, _ in lines.values() for x in xs}))}
    _scale(axis, [y for _, ys in lines.values() for y in ys], is_log=is_log)
    for name, (xs, ys) in lines.items():
        at = [places[x] for x in xs]
        axis.plot(at, ys, color=_COLOURS.get(name, _COLOURS["intake"]))
        if name in {ranked[0], ranked[-1]}:  # the figures of a line between two others would lie on theirs
            _write_figures(axis, name, at, ys, away=5 if name == ranked[0] else -12)
    _write_names(axis, {name: (places[lines[name][0][-1]], lines[name][1][-1]) for name in ranked})
    axis.set_xticks(list(places.values()), [f"{x:,.0f}" for x in places])
    axis.set_title(title)
    axis.set_xlabel(along)


def _write_figures(axis: Axes, name: str, at: Sequence[float], ys: Sequence[float], *, away: float) -> None:
    colour = _COLOURS.get(name, _COLOURS["intake"])
    for x, y in zip(at, ys, strict=True):
        axis.annotate(_number(y), (x, y), (0, away), **_BESIDE, ha="center", color=colour, fontsize=8)


def _write_names(axis: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Write each line's name at its end; the ends come from the highest to the lowest, and their names keep apart."""
    above = float("inf")
    for name, (x, y) in ends.items():
        at = _HEIGHT * _share(axis, y)
        wanted = min(at, above - _NAME_HEIGHT)
        axis.annotate(name, (x, y), (16, wanted - at - 3), **_BESIDE, color=_COLOURS.get(name), annotation_clip=False)
        above = wanted


def _share(axis: Axes, y: float) -> float:
    """Return how high that is in the axis, from 0 to 1."""
    transform = axis.yaxis.get_transform()
    low, high, at = (float(transform.transform([value])[0]) for value in (*axis.get_ylim(), y))
    return (at - low) / (high - low)


def _scale(axis: Axes, measured: Sequence[float], *, is_log: bool) -> None:
    if is_log:
        axis.set_yscale("log")
        axis.set_ylim(bottom=min(measured) / 2.5, top=max(measured) * 2.5)
        axis.yaxis.set_minor_formatter(NullFormatter())
    else:
        axis.set_ylim(bottom=0, top=1.25 * max(measured) or 1)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _number(value: float) -> str:
    """Write a figure as exactly as it is worth."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.read_text()), source.with_suffix(".png"))

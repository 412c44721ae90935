"""The picture of a load, drawn from its JSON: `python -m benchmarks.load.plot var/load/<time>.json` draws it anew."""

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.plot_style import STYLE

_STYLE: Final[Any] = {**STYLE, "legend.frameon": False, "lines.linewidth": 1.4}
#: Told apart by people who see no red or green, too (Okabe and Ito).
_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#999999")
_PARTS_SHOWN: Final = 7  # the others are summed
_OUTSIDE: Final[Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02), "borderaxespad": 0.4}
_MIB: Final = 1024 * 1024

Content = Mapping[str, Any]
Samples = Sequence[Mapping[str, Any]]


def draw(content: Content, file: Path) -> None:
    """Draw what report.as_json returned into a PNG."""
    plan, samples = content["plan"], content["samples"]
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(5, 1, figsize=(10, 13), sharex=True, layout="constrained")
        _latency(axes[0], content)
        _rates(axes[1], samples, plan)
        _waiting(axes[2], samples)
        _cores(axes[3], samples)
        _memory(axes[4], samples)
        for axis in axes:
            axis.axvspan(0, plan["warm_up"], color="#f1f3f4", zorder=0)
            axis.axvline(plan["warm_up"] + plan["seconds"], color="#9aa0a6", linewidth=0.8, linestyle=":")
        axes[-1].set_xlabel("seconds since the first event was due; shaded: warm-up; dotted: the producer's end")
        axes[-1].set_xlim(0, max(samples[-1]["at"], 1))
        figure.suptitle(_title(content), x=0.01, ha="left", fontsize=11)
        figure.savefig(file, dpi=110)
        plt.close(figure)


def _title(content: Content) -> str:
    plan, machine = content["plan"], content["machine"]
    return (
        f"{plan['rate']:,.0f} events/s, mix {plan['mix']} ({plan['way']}), {plan['users']:,} users\n"
        f"{machine['cores']} cores of {machine['cpu']}, {machine['measured_at']}, {machine['commit']}"
    )


def _latency(axis: Axes, content: Content) -> None:
    seconds = content["event_to_socket_ms_by_second"]
    at = [one["at"] + 0.5 for one in seconds]
    for name, colour in zip(("p50", "p95", "p99"), _COLOURS, strict=False):
        axis.plot(at, [one[name] for one in seconds], color=colour, label=name.upper())
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_title("Event to socket, by the second in which the event was due (ms)")
    axis.legend(**_OUTSIDE)


def _rates(axis: Axes, samples: Samples, plan: Content) -> None:
    for key, label, colour in (("published", "published", _COLOURS[1]), ("heard", "on a socket", _COLOURS[0])):
        axis.plot(*_per_second(samples, key), color=colour, label=label)
    axis.axhline(plan["rate"], color="#9aa0a6", linewidth=0.8, linestyle=":")
    axis.set_ylim(bottom=0)
    axis.set_title("Rate in and out (events/s)")
    axis.legend(**_OUTSIDE)


def _per_second(samples: Samples, key: str) -> tuple[list[float], list[float]]:
    pairs = list(pairwise(samples))
    rates = [(after[key] - before[key]) / (after["at"] - before["at"]) for before, after in pairs]
    return [after["at"] for _, after in pairs], rates


def _waiting(axis: Axes, samples: Samples) -> None:
    at = [sample["at"] for sample in samples]
    labels = {"queued": "messages of events", "mails": "mails", "pushes": "pushes"}
    for (key, label), colour in zip(labels.items(), _COLOURS, strict=False):
        axis.plot(at, [sample[key] for sample in samples], color=colour, label=label)
    axis.set_ylim(bottom=0)
    axis.set_title("What waits or is in somebody's hands")
    axis.legend(**_OUTSIDE)


def _cores(axis: Axes, samples: Samples) -> None:
    used = _columns(samples, "cores")
    axis.stackplot([sample["at"] for sample in samples], list(used.values()), labels=list(used), colors=_COLOURS)
    axis.set_ylim(bottom=0)
    axis.set_title("CPU, stacked (cores)")
    axis.legend(**_OUTSIDE, reverse=True)


def _memory(axis: Axes, samples: Samples) -> None:
    at = [sample["at"] for sample in samples]
    for (part, column), colour in zip(_columns(samples, "memory").items(), _COLOURS, strict=False):
        axis.plot(at, [value / _MIB for value in column], color=colour, label=part)
    axis.set_ylim(bottom=0)
    axis.set_title("Memory of its own (MiB)")
    axis.legend(**_OUTSIDE)


def _columns(samples: Samples, key: str) -> dict[str, list[float]]:
    """Return the parts that use most, and the sum of the others."""
    parts = {part for sample in samples for part in sample[key]}
    columns = {part: [float(sample[key].get(part, 0.0)) for sample in samples] for part in parts}
    ranked = sorted(parts, key=lambda part: (-sum(columns[part]), part))
    shown = {part: columns[part] for part in ranked[:_PARTS_SHOWN]}
    if rest := [columns[part] for part in ranked[_PARTS_SHOWN:]]:
        shown[f"{len(rest)} others together"] = [sum(values) for values in zip(*rest, strict=True)]
    return shown


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.read_text()), source.with_suffix(".png"))

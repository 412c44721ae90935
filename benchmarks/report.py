"""The results for people (tables) and for programs (JSON)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from rich.console import Group
from rich.table import Table

from benchmarks import machine
from benchmarks.accounts import Account
from benchmarks.comparison import Contest, Results
from benchmarks.cpu import ELSEWHERE
from benchmarks.measures import Peak
from benchmarks.tables import table as _table

_TOLERABLE_CORES: Final = 0.1


def as_json(results: Results) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    return {
        "machine": machine.describe(),
        "ratio": results.ratio,
        "noise_in_cores": {contest.name.lower(): cores for contest, cores in noise_in_cores(results).items()},
        "peaks": {
            contest.name.lower(): {"per_second": results.peak(contest), "runs": [asdict(run) for run in runs]}
            for contest, runs in results.peaks.items()
        },
        "steady": [{"contest": contest.name.lower(), **asdict(run)} for contest, run in results.steady],
    }


def as_tables(results: Results) -> Group:
    """Return what the terminal shows."""
    return Group(_peaks(results), _latencies(results), _cpu(results), _warning(results))


def _warning(results: Results) -> str:
    if max(noise_in_cores(results).values()) < _TOLERABLE_CORES:
        return ""
    return "[yellow]Other programs were busy on this machine: the figures are too low. Repeat when it is quiet.[/]"


def _peaks(results: Results) -> Table:
    table = _table("Peak: published, stored, on the socket", "", "events/s (median)", "each run", "lost", "doubled")
    for contest, runs in results.peaks.items():
        each = "  ".join(f"{run.per_second:,.0f}" for run in runs)
        table.add_row(contest, f"[bold]{results.peak(contest):,.0f}[/]", each, *_amiss(run.account for run in runs))
    table.add_section()
    table.add_row("ours / Celery", f"[bold]{results.ratio:.1f} times[/]", "", "", "")
    return table


def _latencies(results: Results) -> Table:
    columns = ("events/s", "P50 ms", "P95 ms", "P99 ms", "worst ms", "lost", "doubled")
    table = _table("Latency: from the moment an event was due to its message on the socket", "", *columns)
    for contest, run in results.steady:
        latency = run.latency_ms
        figures = (latency.p50, latency.p95, latency.p99, latency.maximum)
        cells = [f"{figure:,.0f}" for figure in figures]
        table.add_row(contest, f"{run.rate:,.0f}", *cells, *_amiss([run.account]))
    return table


def _cpu(results: Results) -> Table:
    table = _table("Where the CPU went at peak, µs an event (median of the runs)", "", *results.peaks)
    medians = {contest: cpu_us_per_event(runs) for contest, runs in results.peaks.items()}
    for part in dict.fromkeys(part for figures in medians.values() for part in figures if part != ELSEWHERE):
        table.add_row(part, *(f"{figures.get(part, 0):,.0f}" for figures in medians.values()))
    table.add_section()
    sums = (sum(us for part, us in figures.items() if part != ELSEWHERE) for figures in medians.values())
    table.add_row("together", *(f"[bold]{us:,.0f}[/]" for us in sums))
    noise = (f"[dim]{cores:.2f} cores[/]" for cores in noise_in_cores(results).values())
    table.add_row("[dim]other programs of this machine[/]", *noise)
    return table


def cpu_us_per_event(runs: Sequence[Peak]) -> Mapping[str, float]:
    """Return each part's median over the runs."""
    return {part: median(run.cpu_us_per_event[part] for run in runs) for part in runs[0].cpu_us_per_event}


def noise_in_cores(results: Results) -> dict[Contest, float]:
    """Return how many cores programs that have nothing to do with it used meanwhile."""
    return {
        contest: median(run.cpu_us_per_event[ELSEWHERE] * run.account.published / run.seconds / 1e6 for run in runs)
        for contest, runs in results.peaks.items()
    }


def _amiss(accounts: Iterable[Account]) -> tuple[str, str]:
    listed = list(accounts)
    return str(sum(account.lost for account in listed)), str(sum(account.doubled for account in listed))

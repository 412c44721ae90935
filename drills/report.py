"""The results for people (tables) and for programs (JSON)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks import machine
from benchmarks.tables import table as _table
from drills.account import Account
from drills.drill import Result


def as_json(result: Result) -> dict[str, Any]:
    """Return everything, with the machine."""
    return {
        "machine": machine.describe(),
        "passed": result.is_clean,
        "lost": result.account.lost,
        "doubled": result.account.doubled,
        **asdict(result),
    }


def as_tables(result: Result) -> Group:
    """Return what the terminal shows of one drill."""
    parts: list[RenderableType] = [_account(result.account), Text(), _latencies(result), Text(), *_remarks(result)]
    return Group(*parts)


def summary(results: Sequence[Result]) -> Table:
    """Return one line a drill."""
    columns = ("events", "lost", "doubled", "in-app P95 during", "recovered after", "drained after", "")
    table = _table("Drills", "", *columns)
    for result in results:
        account = result.account
        table.add_row(
            result.name,
            f"{account.events:,}",
            _zero(account.lost),
            _zero(account.doubled),
            f"{result.worst_p95_ms:,.0f} ms",
            f"{result.recovery_seconds:.1f} s",
            f"{result.drain_seconds:.1f} s",
            "[green]passed[/]" if result.is_clean else "[bold red]failed[/]",
        )
    return table


def _account(account: Account) -> Table:
    columns = ("published", "= visible", "+ suppressed", "+ held", "+ pending", "lost", "doubled", "why suppressed")
    table = _table(f"{account.events:,} events, counted in recipients", "", *columns)
    for channel in account.channels:
        table.add_row(
            channel.channel.replace("_", "-"),
            *(f"{count:,}" for count in (channel.published, channel.visible, channel.suppressed)),
            *(f"{count:,}" for count in (channel.held, channel.pending)),
            _zero(channel.lost),
            _zero(channel.doubled),
            _listed(account.reasons.get(channel.channel, {})),
        )
    table.add_row("on the bell", "", f"{account.told:,}", "", "", "", _zero(account.untold), "", "")
    return table


def _latencies(result: Result) -> Table:
    columns = ("events", "inbox P50 ms", "P95", "on the bell P50 ms", "P95", "worst")
    table = _table("In-app latency, from the moment an event was due", "", *columns)
    for phase in result.phases:
        inbox, on_bell = phase.inbox_ms, phase.bell_ms
        figures = (inbox.p50, inbox.p95, on_bell.p50, on_bell.p95, on_bell.maximum)
        table.add_row(phase.name, f"{phase.events:,}", *(f"{figure:,.0f}" for figure in figures))
    return table


def _remarks(result: Result) -> list[Text]:
    account = result.account
    repeated = {channel.channel.value: channel.repeated for channel in account.channels if channel.repeated}
    wanted = result.wanted_p95_ms
    remarks: list[tuple[object, str]] = [
        (
            True,
            f"Recovered {result.recovery_seconds:.1f} s after the end of the fault; "
            f"nothing under way after {result.drain_seconds:.1f} s.",
        ),
        (wanted, f"In-app P95 during the fault: {result.worst_p95_ms:,.0f} ms; {wanted or 0:,.0f} are wanted."),
        (result.reconnects, f"Bells came back {result.reconnects:,} times."),
        (result.resyncs, f"Bells were told {result.resyncs:,} times to ask for what they missed."),
        (account.rung_twice, f"Rung again for what the bell knew, which it drops: {account.rung_twice:,}."),
        (repeated, f"Sent again after a crash between the provider's answer and our record: {_listed(repeated)}."),
        (result.failed_calls, f"Calls of the publisher that it had to repeat: {result.failed_calls:,}."),
        (result.restarts, f"Processes started again: {_listed(result.restarts)}."),
        (result.collapses, f"Processes that ended by themselves: {_listed(result.collapses)}."),
        (account.rejected, f"Rejected events: {_listed(account.rejected)}."),
        (account.damages, f"The audit found: {_listed(account.damages)}."),
        (result.unpublished, f"Events that could not be published at all: {result.unpublished:,}."),
        (not result.is_drained, "Something is still under way."),
    ]
    return [Text(f"  {remark}") for is_worth_saying, remark in remarks if is_worth_saying]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _zero(count: int) -> str:
    return f"[green]{count:,}[/]" if count == 0 else f"[bold red]{count:,}[/]"

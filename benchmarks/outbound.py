"""How much a mail costs, and a digest run: `python -m benchmarks.outbound [--quick]`.

- *transport*: writing a mail and handing it to SES (the simulator) over one connection.
- *worker*: a worker's whole way: claim, check again, write, send, record.
- *digest run*: `digests.collect` over users of whom each has three items waiting, without and with calling workers.

CPU is that of the one process which does the work, so mails/s per core are what a core gives that does nothing else;
PostgreSQL, Valkey, SQS and SES work beside it.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.environment import ROOT, Environment

_TITLES: Final = {
    "transport": "a mail: written and taken by SES",
    "worker": "a mail: a worker's whole way",
    "collect": "a user's digest: made and gathered",
    "collect_and_wake": "a user's digest: and a worker called",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    mails: int = 2_000
    users: int = 100_000


QUICK: Final = Scale(mails=300, users=5_000)


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of doing something `count` times, in one process."""

    name: str
    count: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """How many one process does, waiting for its servers."""
        return self.count / self.seconds

    @property
    def per_core_second(self) -> float:
        """How many a core does that never waits."""
        return self.count / self.cpu_seconds

    @property
    def cpu_us(self) -> float:
        """Of one."""
        return self.cpu_seconds / self.count * 1e6

    def as_json(self) -> dict[str, Any]:
        """With the figures that follow from it."""
        return {
            **asdict(self),
            "per_second": self.per_second,
            "per_core_second": self.per_core_second,
            "cpu_us": self.cpu_us,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured, and the memory that a digest run took at most."""

    measures: list[Measure]
    digest_memory_mib: float


def measure(scale: Scale) -> Results:
    """Take all measures in an environment of their own."""
    with Environment.running() as environment:
        mails = _work(environment, "mails", scale.mails)
        digests = _work(environment, "digests", scale.users)
    costs = {**mails["costs"], **digests["costs"]}
    return Results([Measure(name, **cost) for name, cost in costs.items()], digests["memory_mib"])


def _work(environment: Environment, what: str, count: int) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(environment.run("-m", "benchmarks.outbound_work", what, str(count)))
    return figures


def as_json(results: Results) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    return {
        "machine": machine.describe(),
        "outbound": [one.as_json() for one in results.measures],
        "digest_memory_mib": results.digest_memory_mib,
    }


def as_table(results: Results) -> Table:
    """Return what the terminal shows."""
    table = Table(title="Outbound: what one costs", title_justify="left", title_style="bold")
    table.add_column("")
    for column in ("how many", "seconds", "per second", "per second and core", "µs of CPU"):
        table.add_column(column, justify="right")
    for one in results.measures:
        figures = (one.per_second, one.per_core_second, one.cpu_us)
        cells = [f"{one.count:,}", f"{one.seconds:,.1f}", *(f"{figure:,.0f}" for figure in figures)]
        table.add_row(_TITLES[one.name], *cells)
    return table


def main() -> int:
    """Measure, show a table, leave the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outbound", description="What mails and digests cost.")
    parser.add_argument("--quick", action="store_true", help="a small round")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "var" / "bench-outbound.json", help="for the figures (%(default)s)"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with console.status("Sending mails and making digests"):
        results = measure(QUICK if arguments.quick else Scale())
    console.print(as_table(results))
    console.print(f"A digest run took {results.digest_memory_mib:,.0f} MiB at most.")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(as_json(results), indent=2) + "\n")
    console.print(f"[dim]All figures: {arguments.json}[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())

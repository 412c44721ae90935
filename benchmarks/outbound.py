"""What a mail, a push and a digest run cost: `python -m benchmarks.outbound [--quick]`.

- *transport*: writing a message and handing it to its provider (the simulator) over connections that stay open.
- *worker*: a worker's whole way: claim, check again, write, send, record.
- *digest run*: `digests.collect` over users of whom each has three items waiting, without and with calling workers.

CPU is that of the one process which does the work, so messages a second and core are what a core gives that does
nothing else; the providers, Valkey and SQS work beside it, and so does PostgreSQL, whose backend has a column.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks import machine
from benchmarks.costs import Cost, Round
from benchmarks.environment import ROOT, Environment
from benchmarks.tables import table
from benchmarks.terminal import leave, new_console

_LOG_WIDTH: Final = 110  # columns, where there is no terminal to ask
_TITLES: Final = {
    "mail_transport": "mail: transport",
    "mail_worker": "mail: worker",
    "apns_transport": "push by APNs: transport",
    "apns_worker": "push by APNs: worker",
    "fcm_transport": "push by FCM: transport",
    "fcm_worker": "push by FCM: worker",
    "push_transport": "push by both: transport",
    "push_worker": "push by both: worker",
    "digest": "digest run, a user",
    "digest_and_wake": "digest run, workers called",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything, and how often."""

    mails: int = 300
    pushes: int = 1_000
    users: int = 100_000
    rounds: int = 5  # of mails and pushes
    digest_runs: int = 1


QUICK: Final = Scale(mails=100, pushes=300, users=5_000, rounds=3)


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured, and the memory that a digest run took at most."""

    costs: list[Cost]
    digest_memory_mib: float


def measure(scale: Scale) -> Results:
    """Take all measures in an environment of their own."""
    with Environment.running() as environment:
        mails, _ = _work(environment, "mails", scale.mails, rounds=scale.rounds)
        pushes, _ = _work(environment, "pushes", scale.pushes, rounds=scale.rounds)
        digests, memory = _work(environment, "digests", scale.users, rounds=scale.digest_runs)
    return Results([*mails, *pushes, *digests], memory)


def _work(environment: Environment, what: str, count: int, *, rounds: int) -> tuple[list[Cost], float]:
    """Return the costs, and the largest memory of the process that did it (MiB)."""
    printed = json.loads(environment.run("-m", "benchmarks.outbound_work", what, str(count), str(rounds)))
    taken = printed["rounds"].items()
    return [Cost(name, count, [Round(**one) for one in each]) for name, each in taken], printed["memory_mib"]


def as_json(results: Results) -> dict[str, Any]:
    """Return everything that was measured, with the machine."""
    return {
        "machine": machine.describe(),
        "outbound": [cost.as_json() for cost in results.costs],
        "digest_memory_mib": results.digest_memory_mib,
    }


def as_table(results: Results) -> Table:
    """Return what the terminal shows."""
    columns = ("how many", "rounds", "seconds", "per s", "per s and core", "CPU µs", "PostgreSQL µs")
    shown = table("Outbound: what one costs", "", *columns)
    for cost in results.costs:
        figures = (cost.per_second, cost.per_core_second, cost.cpu_us, cost.database_cpu_us)
        cells = [f"{cost.count:,}", f"{len(cost.rounds)}", f"{cost.seconds:,.1f}"]
        shown.add_row(_TITLES[cost.name], *cells, *(f"{figure:,.0f}" for figure in figures))
    return shown


def main() -> int:
    """Measure, show a table, leave the figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.outbound", description="What mails, pushes and digests cost."
    )
    parser.add_argument("--quick", action="store_true", help="small rounds")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "var" / "bench-outbound.json", help="for the figures (%(default)s)"
    )
    arguments = parser.parse_args()
    console = new_console(log_width=_LOG_WIDTH)
    with console.status("Sending mails and pushes, making digests"):
        results = measure(QUICK if arguments.quick else Scale())
    console.print(as_table(results))
    console.print(f"A digest run took {results.digest_memory_mib:,.0f} MiB at most.")
    leave(as_json(results), arguments.json, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())

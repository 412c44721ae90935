from datetime import timedelta
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from notifications.auditing import audit
from notifications.auditing.findings import REMEDIES, Damage, Report, Standing
from notifications.auditing.window import open_window
from notifications.upkeep.batch_command import BatchCommand
from notifications.upkeep.durations import duration
from preferences.catalog import Channel

_SHOWN: Final = 100  # findings, one line each; all are counted


class Command(BatchCommand):
    help = "Prove that every accepted event is accounted for on every channel (docs/audit.md); exit 1 when one is not."
    batch_size = audit.STEP
    dry_run_help = "with --repair: say what it would do, and change nothing; without it nothing is changed anyway"
    batch_size_help = "recipients of one step"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        since = "only events received since then (default: the whole ledger)"
        parser.add_argument("--since", type=duration, metavar="2d", help=since)
        until = "only events received before (default: now)"
        parser.add_argument("--until", type=duration, default=timedelta(), metavar="5m", help=until)
        parser.add_argument("--repair", action="store_true", help="put right what can be; exit 0 when that was all")

    def handle(self, *args: Any, **options: Any) -> None:
        report = Report(most_shown=_SHOWN)
        window = open_window(since=options["since"], until=options["until"])
        is_repaired = options["repair"] and not options["dry_run"]
        for stage in audit.stages(window, repair=is_repaired, step=options["batch_size"]):
            with self.progress(stage.counts, stage.total) as advance:
                for step in stage.steps:
                    report.take(step.account)
                    advance(step.done)
        self._print_table(report)
        self._print_findings(report)
        if report.found and is_repaired:
            self._print_repairs(report)
        elif report.found and options["repair"]:
            self._print_remedies(report)
        if left := report.left.total():
            hint = "" if options["repair"] else " --repair mends what it can."
            raise CommandError(f"{left:,} unaccounted for.{hint}")
        self.stdout.write("Everything is accounted for.")

    def _print_table(self, report: Report) -> None:
        """Print what was decided on each channel, and where it stands."""
        self.stdout.write(f"{report.events:,} events")
        self._print_row("", [channel.replace("_", "-") for channel in Channel])
        self._print_row("decided", [f"{report.decided(channel):,}" for channel in Channel])
        for standing in Standing:
            counts = [report.tally[channel, standing] for channel in Channel]
            if any(counts):
                self._print_row(f"  {standing}", [f"{count:,}" for count in counts])

    def _print_row(self, name: str, cells: list[str]) -> None:
        self.stdout.write(f"{name:<24}" + "".join(f"{cell:>14}" for cell in cells))

    def _print_findings(self, report: Report) -> None:
        for finding in report.shown:
            self.stdout.write(str(finding))
        if more := report.found.total() - len(report.shown):
            self.stdout.write(f"… and {more:,} more")
        self.report({damage.value: report.found[damage] for damage in Damage if damage in report.found})

    def _print_repairs(self, report: Report) -> None:
        self.report({"repaired": (report.found - report.left).total(), "left": report.left.total()})

    def _print_remedies(self, report: Report) -> None:
        self.stdout.write("A dry run: nothing was changed. --repair would:")
        for damage, count in report.found.items():
            self.stdout.write(f"{damage} ({count:,}): {REMEDIES[damage]}")

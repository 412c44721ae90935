from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from notifications.backfilling import files as backfill_files
from notifications.backfilling import preferences as preference_backfill
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.command import BackfillCommand
from notifications.backfilling.preferences import PreferenceLoader


class Command(BackfillCommand):
    help = "Write stored preferences in the form of today, or load those of another system (docs/backfills.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from", type=Path, metavar="FILE", help='JSON Lines: {"user", "preferences"}, for who has chosen nothing'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["from"]:
            self.load(backfill_files.examine(options["from"]), PreferenceLoader(), options)
        elif options["dry_run"]:
            self._rehearse_rewriting(options)
        else:
            self._rewrite(options)

    def _rehearse_rewriting(self, options: Mapping[str, Any]) -> None:
        steps = list(preference_backfill.rehearse_rewriting(batch_size=options["batch_size"]))
        rewritten, users = sum(step.rewritten for step in steps), sum(step.users for step in steps)
        self.report({"would be rewritten": rewritten, "as it should be": users - rewritten})

    def _rewrite(self, options: Mapping[str, Any]) -> None:
        run = preference_backfill.find_rewriting()
        with backfill_runs.in_hand(run):
            if run.lines and not run.finished_at:
                self.stdout.write(f"Continuing behind {run.lines:,} users (run {run.id}).")
            give_way = self.courtesy(options)
            with self.progress("users", None) as advance:
                for some in preference_backfill.rewrite(run, batch_size=options["batch_size"]):
                    advance(some.users)
                    give_way()
        words = ("rewritten", "as_it_should_be")
        self.report({word.replace("_", " "): run.counts.get(word, 0) if run.lines else 0 for word in words})

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications.backfilling import files as backfill_files
from notifications.backfilling import notifications as notification_backfill
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.command import BackfillCommand
from notifications.backfilling.notifications import NotificationLoader


class Command(BackfillCommand):
    help = "Load events of the past into inboxes, as read and in silence (docs/backfills.md); --undo takes them out."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="JSON Lines: one CloudEvent each")
        parser.add_argument("--undo", type=int, metavar="RUN", help="delete what the run with this number stored")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["file"] is None) == (options["undo"] is None):
            raise CommandError("Give a file, or --undo and the number of a run.")
        if options["file"]:
            self.load(backfill_files.examine(options["file"]), NotificationLoader(), options)
        else:
            self._undo(options["undo"], options)

    def _undo(self, run_id: int, options: Mapping[str, Any]) -> None:
        run = backfill_runs.undoable(run_id)
        with backfill_runs.in_hand(run):
            if run.undone_at:
                self.stdout.write(f"Undone already (run {run.id}).")
                return
            total = run.notifications.count()
            if options["dry_run"]:
                self.report({"would be deleted": total})
                return
            give_way = self.courtesy(options)
            with self.progress("notifications", total) as advance:
                for deleted in notification_backfill.undo(run, batch_size=options["batch_size"]):
                    advance(deleted)
                    give_way()
        self.stdout.write(f"Run {run.id} is undone.")
        self.report({"deleted": total})

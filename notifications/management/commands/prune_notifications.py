from collections import Counter
from typing import Any

from notifications.upkeep import retention
from notifications.upkeep.batch_command import BatchCommand
from notifications.upkeep.removal import MOST_COUNTED


class Command(BatchCommand):
    help = "Take away rows that are older than their retention. Beat does the same every night; both may be stopped."
    batch_size = retention.BATCH

    def handle(self, *args: Any, **options: Any) -> None:
        rows: Counter[str] = Counter()
        with self.progress("rows", None) as advance:
            for some in retention.prune(batch=options["batch_size"], dry_run=options["dry_run"]):
                rows[some.table] += some.rows
                advance(some.rows)
        if options["dry_run"]:
            self.stdout.write(f"A dry run: nothing was changed, and at most {MOST_COUNTED:,} rows a table counted.")
        self.report({table: rows[table] for table in retention.TABLES})

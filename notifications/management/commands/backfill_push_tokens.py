from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from notifications.backfilling import files as backfill_files
from notifications.backfilling.command import BackfillCommand
from notifications.backfilling.push_tokens import PushTokenLoader


class Command(BackfillCommand):
    help = "Register the devices that another system knew (docs/backfills.md). What has registered here since, stays."

    batch_size = 200  # tokens that are locked at a time

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file", type=Path, metavar="FILE", help="CSV with the columns user,platform,token,device_id[,registered_at]"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = backfill_files.examine(options["file"])
        self.load(file, PushTokenLoader(file), options)

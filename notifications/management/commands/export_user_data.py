import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications.upkeep import export
from notifications.upkeep.batch_command import BatchCommand, person_named
from preferences.models import User


class Command(BatchCommand):
    help = "Hand over everything we hold on a person, as JSON: for them, and for nobody else."
    batch_size = export.BATCH

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("who", metavar="WHO", help="address, usr_… or UUID")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="which only you can read; default: the terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["who"])
        if options["dry_run"]:
            self.stdout.write("A dry run: nothing was written. There would be:")
            self.report({"profile": 1, **export.count(person)})
        elif options["output"] is None:
            self._write(person, lambda text: self.stdout.write(text, ending=""), batch=options["batch_size"])
        else:
            self._write_file(person, options["output"], batch=options["batch_size"])

    def _write_file(self, person: User, path: Path, *, batch: int) -> None:
        """Write the file whole or not at all."""
        try:
            descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    rows = self._write(person, file.write, batch=batch)
                Path(part).replace(path)
            finally:
                Path(part).unlink(missing_ok=True)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from error
        self.report(rows)
        self.stdout.write(f"Written to {path}.")

    def _write(self, person: User, put: Callable[[str], Any], *, batch: int) -> Counter[str]:
        rows: Counter[str] = Counter()
        with self.progress("rows", None) as advance:
            for piece in export.write(person, batch=batch):
                put(piece.text)
                rows[piece.section] += piece.rows
                advance(piece.rows)
        return rows

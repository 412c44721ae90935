import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from notifications.published_schemas import documents


class Command(BaseCommand):
    help = "Write the schemas that others build against: the API, events and the socket."
    requires_system_checks = []  # it reads the code alone, and no setting

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, help="where the files go, such as docs/schemas")

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        directory.mkdir(parents=True, exist_ok=True)
        for name, document in documents().items():
            path = directory / name
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            self.stdout.write(f"Wrote {path}.")

"""Files for backfills, and the commands run on them."""

import json
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from preferences.models import User
from tests.cloudevents import event_for

PAST = "2025-11-03T09:30:00Z"


def past_event(number: int, *recipients: User, **changes: Any) -> dict[str, Any]:
    """An event of the past, another one for each number."""
    return event_for(*recipients, **{"id": f"past-{number}", "time": PAST, **changes})


def write_lines(path: Path, lines: Iterable[Mapping[str, Any] | str | bytes]) -> Path:
    """Write JSON Lines; text and bytes as they are."""
    path.write_bytes(b"".join(_bytes(line) + b"\n" for line in lines))
    return path


def _bytes(line: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()


class Ran:
    """What a command said, and how it ended."""

    def __init__(self, name: str, *arguments: Any, **options: Any) -> None:
        out, err = StringIO(), StringIO()
        self.exit_code = 0
        try:
            call_command(name, *map(str, arguments), stdout=out, stderr=err, **options)
        except CommandError as error:
            self.exit_code = error.returncode
            err.write(str(error))
        self.out, self.err = out.getvalue(), err.getvalue()

    def count(self, word: str) -> int:
        """Return the number that the report has for this word."""
        (line,) = [line for line in self.out.splitlines() if line.startswith(f"{word}:")]
        return int(line.rpartition(" ")[2].replace(",", ""))

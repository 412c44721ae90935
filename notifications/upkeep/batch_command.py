"""What commands over many rows have in common: a progress bar, --dry-run, a report, and a way to be stopped.

The work itself is a function of a domain module that takes one batch and commits it, so that a kill loses at most the
batch under way, and the next run goes on behind the last one.

Exit codes: 0, all done. 1, done, but the report tells of something that needs a person (or the input was wrong, or a
server went away; run it again to go on).
130, interrupted; run it again to go on.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from preferences import people
from preferences.models import User
from preferences.outages import is_outage

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


class BatchCommand(BaseCommand):
    """A command that works through many rows, batch by batch."""

    #: How many rows one batch has, unless --batch-size says otherwise.
    batch_size = 1_000
    dry_run_help = "say what would be done, and change nothing"
    batch_size_help = "rows of one transaction"

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what all of them take."""
        parser.add_argument("--dry-run", action="store_true", help=self.dry_run_help)
        parser.add_argument(
            "--batch-size", type=positive, default=self.batch_size, metavar="N", help=self.batch_size_help
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it; Ctrl-C, or a server that goes away, ends it between two batches' commits without a stack trace."""
        again = "Run it again." if options.get("dry_run") else "Run it again to go on."
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {again}", returncode=_INTERRUPTED) from None
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            raise CommandError(f"PostgreSQL is away ({type(error).__name__}). {again}") from error
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"SQS: {name_of(error)}. {again}") from error

    @contextlib.contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a bar on the terminal; yields the function that moves it on by so many. `total` None: unknown."""
        console = Console(file=sys.stderr)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)

    def report(self, counts: Mapping[str, int]) -> None:
        """Print one line a count, aligned, those of nothing too."""
        width = max((len(word) for word in counts), default=0)
        for word, count in counts.items():
            self.stdout.write(f"{word + ':':<{width + 1}} {count:>11,}")


def name_of(error: BotoCoreError | ClientError) -> str:
    """Return SQS's own code, or botocore's word for why it was not reached."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def person_named(who: str) -> User:
    """Return whom an argument names: by address, `usr_…` or UUID. Raises CommandError."""
    person = people.find(who)
    if person is None:
        raise CommandError(f"Nobody is known as {who}.")
    return person


def positive(text: str) -> int:
    """Read a whole number from 1 on, as the type of an argument. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number

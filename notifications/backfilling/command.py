"""What the commands that load a file have in common: where they are in it, bad lines, and courtesy to live events."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import CommandError, CommandParser

from notifications import lag
from notifications.backfilling import batches
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.batches import Became, Loader, Problem
from notifications.backfilling.files import BackfillFile, UnfitFile
from notifications.backfilling.runs import UnderWay, UnknownRun
from notifications.event_queue import EventQueue
from notifications.lag import Lag
from notifications.models import Backfill
from notifications.upkeep.batch_command import BatchCommand

_SHOWN: Final = 100  # bad lines on the terminal; --errors has all of them
_BETWEEN_LOOKS: Final = 1.0  # seconds, at the queue of live events

Say = Callable[[str], Any]


class BackfillCommand(BatchCommand):
    """A command that takes in a file. Given again after a kill it goes on, and once all is done it does nothing."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what all of them take."""
        super().add_arguments(parser)
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write every bad line's number and fault there")
        parser.add_argument("--at-full-speed", action="store_true", help="do not wait when live events are late")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it; what is wrong with the file as a whole, or with the moment, is told in a sentence."""
        try:
            return super().execute(*args, **options)
        except (UnfitFile, UnderWay, UnknownRun) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or 'The file'}: {error.strerror}.") from error

    def load(self, file: BackfillFile, loader: Loader[Any], options: Mapping[str, Any]) -> None:
        """Load the file, or say what that would do. Raises CommandError when there are bad lines, all others done."""
        if options["errors"] and options["errors"].resolve() == file.path.resolve():
            raise CommandError("--errors would overwrite the file itself.")
        if options["dry_run"]:
            self._rehearse(file, loader, options)
            return
        run = backfill_runs.find(loader.kind, digest=file.digest, name=file.path.name)
        with backfill_runs.in_hand(run):
            if run.finished_at:
                self.stdout.write(f"Done already (run {run.id}).")
                return
            self._load(file, loader, run, options)
        self.stdout.write(f"Run {run.id}: {run.lines:,} lines.")
        self._report(run.counts)

    def _load(self, file: BackfillFile, loader: Loader[Any], run: Backfill, options: Mapping[str, Any]) -> None:
        if run.lines:
            self.stdout.write(f"Continuing at line {run.lines + 1:,} (run {run.id}).")
        give_way = self.courtesy(options)
        with (
            _list_of_faults(options["errors"], goes_on=run.lines > 0, say=self.stderr.write) as hear,
            self.progress("lines", file.lines) as advance,
        ):
            advance(run.lines)
            for step in batches.load(file, loader, run, batch_size=options["batch_size"], hear=hear):
                advance(step.lines)
                give_way()

    def _rehearse(self, file: BackfillFile, loader: Loader[Any], options: Mapping[str, Any]) -> None:
        counts: Counter[str] = Counter()
        with (
            _list_of_faults(options["errors"], goes_on=False, say=self.stderr.write) as hear,
            self.progress("lines", file.lines) as advance,
        ):
            for step in batches.rehearse(file, loader, batch_size=options["batch_size"]):
                hear(step.tally.problems)
                counts += step.tally.counts
                advance(step.lines)
        self.stdout.write(f"A dry run: nothing was changed. Of {file.lines:,} lines there would be:")
        self._report(counts)

    def _report(self, counts: Mapping[str, int]) -> None:
        left_out = sorted(counts.keys() - set(Became))
        words = [Became.STORED, Became.ALREADY_THERE, *left_out, Became.MALFORMED]
        self.report({word.replace("_", " "): counts.get(word, 0) for word in words})
        if malformed := counts.get(Became.MALFORMED, 0):
            raise CommandError(f"Malformed lines: {malformed:,}.")

    def courtesy(self, options: Mapping[str, Any]) -> Callable[[], None]:
        """Return what is to be called between batches: it waits while live events are late."""
        return (lambda: None) if options["at_full_speed"] else _Courtesy(self.stderr.write)


class _Courtesy:
    """Looks now and then how late live events are, and waits for them. Without the queue it goes on, and says so."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._queue: EventQueue | None = EventQueue()
        self._looked_at = float("-inf")

    def __call__(self) -> None:
        if self._queue is None or time.monotonic() - self._looked_at < _BETWEEN_LOOKS:
            return
        try:
            lag.give_way(self._queue, say=_only_once(self._say_late))
        except (BotoCoreError, ClientError):
            self._queue = None
            self._say("The queue of live events does not answer; going on without regard to it.")
        self._looked_at = time.monotonic()

    def _say_late(self, late: Lag) -> None:
        behind = late.behind
        how_late = "stand still" if behind is None else f"are about {behind.total_seconds():.0f} s late"
        self._say(f"Live events {how_late}; waiting for them (--at-full-speed does not).")


def _only_once(say: Callable[[Lag], None]) -> Callable[[Lag], None]:
    left = [say]
    return lambda late: left.pop()(late) if left else None


class _Faults:
    """Takes down bad lines: the first on the terminal, all of them in the file, if there is one."""

    def __init__(self, file: IO[bytes] | None, say: Say) -> None:
        self._file = file
        self._say = say
        self._unshown = _SHOWN

    def __call__(self, problems: Sequence[Problem]) -> None:
        for problem in problems[: self._unshown]:
            self._say(f"Line {problem.line:,}: {problem.detail} ({problem.reason})")
        self._unshown -= min(self._unshown, len(problems))
        if self._file:
            self._file.writelines(orjson.dumps(problem, option=orjson.OPT_APPEND_NEWLINE) for problem in problems)
            self._file.flush()


@contextlib.contextmanager
def _list_of_faults(path: Path | None, *, goes_on: bool, say: Say) -> Iterator[_Faults]:
    """Yield what takes down bad lines; a run that goes on keeps what its earlier part has written."""
    if path is None:
        yield _Faults(None, say)
        return
    with path.open("ab" if goes_on else "wb") as file:
        yield _Faults(file, say)

"""From the lines of a file to rows: batch by batch, each in one transaction with the note of how far the run has come.

What is in the lines is the business of a loader, of which there is one for each kind of backfill.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import ClassVar, Final, Generic, TypeVar

from django.db import transaction

from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.files import MAX_LINE_BYTES, BackfillFile, Line, read_lines
from notifications.models import Backfill, Rejection
from preferences.outages import is_outage

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

#: Bytes of lines after which a batch ends, so that long lines do not fill the memory.
_MOST_BYTES: Final = 8 * MAX_LINE_BYTES


class Became(StrEnum):
    """What became of something in the file. What was left out is counted under the reason instead."""

    STORED = "stored"
    ALREADY_THERE = "already_there"  # and stays as it is
    MALFORMED = "malformed"  # lines that could not be taken in; each is reported


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was not taken in; the detail repeats nothing that is private."""

    line: int
    reason: Rejection
    detail: str


class InvalidLine(ValueError):
    """A line cannot be taken in: `reason` is its code, the message says what is wrong and where."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some lines, in numbers, and which of them were not taken in."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: Sequence[Problem] = ()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.counts + other.counts, [*self.problems, *other.problems])


def refusal(*problems: Problem) -> Tally:
    """Return the tally of lines that were not taken in."""
    return Tally(Counter({Became.MALFORMED: len({problem.line for problem in problems})}), problems)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """What a line holds."""

    line: int
    value: Value


class Loader(ABC, Generic[Value]):
    """Knows what one kind of line means, and stores it."""

    kind: ClassVar[Backfill.Kind]

    @abstractmethod
    def read(self, text: str, *, number: int) -> Value | None:
        """Read a line that is not blank; None: there is nothing to store in it. Raises InvalidLine."""

    def rows(self, value: Value) -> int:
        """Return how many rows it may become."""
        return 1

    @abstractmethod
    def store(self, entries: Sequence[Entry[Value]], *, run_id: int) -> Tally:
        """Store it, in the caller's transaction."""

    @abstractmethod
    def rehearse(self, entries: Sequence[Entry[Value]]) -> Tally:
        """Return what `store` would, as things are now, and store nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """Some lines that are done."""

    lines: int
    tally: Tally


def load(
    file: BackfillFile,
    loader: Loader[Value],
    run: Backfill,
    *,
    batch_size: int,
    hear: Callable[[Sequence[Problem]], None],
) -> Iterator[Step]:
    """Do what the run has not done yet, yielding after each commit; `run.counts` says what became of it all.

    A batch has about `batch_size` rows. `hear` is told of bad lines before their batch is committed: after a kill it
    may hear of some again, but none is lost. Raises UnderWay, UnfitFile, OSError, and DatabaseError.
    """
    counts = Counter(run.counts) if run.position else Counter()
    for batch in _batches(file, loader, run, batch_size):
        with transaction.atomic():
            tally = batch.refused + _by_halves(batch.entries, partial(loader.store, run_id=run.id))
            counts += tally.counts
            hear(tally.problems)
            backfill_runs.advance(run, position=batch.end, lines=run.lines + batch.lines, counts=counts)
        yield Step(batch.lines, tally)
    backfill_runs.finish(run)


def rehearse(file: BackfillFile, loader: Loader[Value], *, batch_size: int) -> Iterator[Step]:
    """Read and check the whole file, and say what would become of it. What a line repeats of an earlier batch does not
    count as already there, since nothing is stored."""
    for batch in _batches(file, loader, Backfill(), batch_size):
        yield Step(batch.lines, batch.refused + _by_halves(batch.entries, loader.rehearse))


def _by_halves(entries: Sequence[Entry[Value]], do: Callable[[Sequence[Entry[Value]]], Tally]) -> Tally:
    """Do it for all the entries together, or by halves when one of them makes the whole fail."""
    if not entries:
        return Tally()
    try:
        with transaction.atomic():
            return do(entries)
    except Exception as error:  # whatever one line provokes must not sink the others
        if is_outage(error):
            raise
        if len(entries) == 1:
            return refusal(_failure(entries[0].line, error))
    middle = len(entries) // 2
    return _by_halves(entries[:middle], do) + _by_halves(entries[middle:], do)


def _failure(line: int, error: Exception) -> Problem:
    logger.warning("line could not be stored", extra={"line": line, "error": type(error).__name__})
    return Problem(line, Rejection.INTERNAL_ERROR, type(error).__name__)


# --- Batches -------------------------------------------------------------------------------------------------


class _Batch(Generic[Value]):
    """Lines that are done together."""

    def __init__(self, start: int) -> None:
        self.entries: list[Entry[Value]] = []
        self.refused = Tally()
        self.lines = 0
        self.rows = 0
        self._start = self.end = start

    @property
    def bytes(self) -> int:
        return self.end - self._start

    def take(self, line: Line, loader: Loader[Value]) -> None:
        self.lines += 1
        self.end = line.end
        rows = 1  # as much as a line counts that holds nothing
        try:
            value = _read(line, loader)
        except InvalidLine as error:
            self.refused += refusal(Problem(line.number, error.reason, str(error)))
        else:
            if value is not None:
                self.entries.append(Entry(line.number, value))
                rows = loader.rows(value)
        self.rows += rows


def _batches(file: BackfillFile, loader: Loader[Value], begin: Backfill, batch_size: int) -> Iterator[_Batch[Value]]:
    """Gather lines until they are enough; a line with more rows than a batch is one by itself."""
    batch = _Batch[Value](begin.position)
    for line in read_lines(file, position=begin.position, done=begin.lines):
        batch.take(line, loader)
        if batch.rows >= batch_size or batch.bytes >= _MOST_BYTES:
            yield batch
            batch = _Batch[Value](line.end)
    if batch.lines:
        yield batch


def _read(line: Line, loader: Loader[Value]) -> Value | None:
    if line.text is None:
        raise InvalidLine(Rejection.TOO_LARGE, f"more than {MAX_LINE_BYTES} bytes")
    try:
        text = line.text.decode()
    except UnicodeDecodeError:
        raise InvalidLine(Rejection.WRONG_SHAPE, "not UTF-8") from None
    return loader.read(text, number=line.number) if text.strip() else None

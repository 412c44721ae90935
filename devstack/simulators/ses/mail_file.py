"""Mails on disk, one JSON object a line, so that the demo still has them tomorrow."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BITE: Final = 1024 * 1024  # bytes


class MailFile:
    """The last `most` lines at least and twice as many at most, in two files: nothing is ever copied.

    Every line is with the system before the mail is answered for, so a kill loses none.
    """

    def __init__(self, directory: Path, *, most: int) -> None:
        self._current = directory / "mails.jsonl"
        self._previous = directory / "mails.previous.jsonl"
        self._most = most
        _cut_unfinished_line(self._current)
        self._file = self._current.open("ab", buffering=0)
        self._lines = sum(1 for _ in _lines(self._current))

    def lines(self) -> Iterator[bytes]:
        """Yield what is kept, oldest first, without line ends."""
        yield from _lines(self._previous)
        yield from _lines(self._current)

    def append(self, line: bytes) -> None:
        """Keep `line`, which holds no line end of its own."""
        if self._lines >= self._most:
            self._current.replace(self._previous)
            self._reopen()
        self._file.write(line + b"\n")
        self._lines += 1

    def clear(self) -> None:
        """Drop every line."""
        self._previous.unlink(missing_ok=True)
        self._current.unlink(missing_ok=True)
        self._reopen()

    def close(self) -> None:
        """Nothing is lost without it."""
        self._file.close()

    def _reopen(self) -> None:
        self._file.close()
        self._file = self._current.open("ab", buffering=0)
        self._lines = 0


def _lines(path: Path) -> Iterator[bytes]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")


def _cut_unfinished_line(path: Path) -> None:
    """Drop what a full disk or a crash of the machine left of a last line."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        end = file.seek(0, 2)
        while end > 0:
            start = max(0, end - _BITE)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)

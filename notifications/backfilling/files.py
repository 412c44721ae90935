"""The file of a backfill, line by line. Its digest names it, and a position in bytes says where a later run goes on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

MAX_LINE_BYTES: Final = 1_048_576  # without its line break; no event may be larger (spec §1)
_BLOCK: Final = 1_048_576
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # spreadsheets put one before the first line


class UnfitFile(ValueError):
    """No file that a backfill could read twice, or resume; the message says why."""


@dataclass(frozen=True, slots=True)
class BackfillFile:
    """A file as it was when it was examined."""

    path: Path
    digest: bytes  # SHA-256
    size: int  # bytes; what is appended later belongs to another digest, and is not read
    lines: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line break."""

    number: int  # from 1
    end: int  # the position behind it, in bytes
    text: bytes | None  # None: longer than MAX_LINE_BYTES


def examine(path: Path) -> BackfillFile:
    """Read the whole file once. Raises UnfitFile, and OSError when it cannot be read."""
    if str(path) == "-":
        raise UnfitFile("Standard input can be read only once, so nothing could be resumed. Give a file.")
    if not path.is_file():
        raise UnfitFile(f"{path} is no file.")
    digest, size, breaks, last = hashlib.sha256(), 0, 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            breaks += block.count(b"\n")
            last = block[-1:]
    return BackfillFile(path, digest.digest(), size, lines=breaks + (last != b"\n"))


def read_lines(file: BackfillFile, *, position: int, done: int) -> Iterator[Line]:
    """Read on from `position`, before which there are `done` lines. Memory does not grow with the length of a line."""
    with file.path.open("rb") as content:
        content.seek(position)
        number = done
        while position < file.size:
            length, text = _read_line(content, file.size - position)
            if not length:
                raise UnfitFile(f"{file.path} was cut short meanwhile.")
            number, position = number + 1, position + length
            if number == 1 and text is not None:
                text = text.removeprefix(_BYTE_ORDER_MARK)
            yield Line(number, position, text)


def _read_line(content: IO[bytes], remaining: int) -> tuple[int, bytes | None]:
    """Return how many bytes the next line takes in the file, and its text unless that is too long."""
    part = content.readline(min(MAX_LINE_BYTES + 2, remaining))
    text = part.rstrip(b"\r\n")
    if len(text) <= MAX_LINE_BYTES and (part.endswith(b"\n") or len(part) == remaining):
        return len(part), text
    length = len(part)
    while length < remaining and not part.endswith(b"\n"):
        part = content.readline(min(_BLOCK, remaining - length))
        if not part:
            break
        length += len(part)
    return length, None

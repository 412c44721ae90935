"""Durations as people type them: on a page, or behind an option."""

import re
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

#: Five digits: of days, as far back as any calendar of ours goes.
_DURATION: Final = re.compile(r"([0-9]{1,5}) ?([smhd])")
_UNITS: Final[Mapping[str, timedelta]] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def read(text: str) -> timedelta:
    """Read "90s", "10m", "4 h" or "2d". Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 90s, 10m, 4h or 2d")
    return int(match[1]) * _UNITS[match[2]]


def duration(text: str) -> timedelta:
    """Read it as the type of an argument. Raises ArgumentTypeError."""
    try:
        return read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None

"""Durations as people type them behind an option."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Read "90s", "5m", "12h" or "2d". Raises ArgumentTypeError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no duration such as 90s, 5m, 12h or 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

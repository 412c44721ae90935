"""Ctrl-C, and what else asks a program to stop that has many others running."""

import contextlib
import os
import signal
from types import FrameType
from typing import Final, Never

_STDOUT: Final = 1
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_once() -> None:
    """Turn the first signal to stop into KeyboardInterrupt, and ignore all after it."""
    for number in _STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:  # nohup stays in force
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut the stopping short
    with contextlib.suppress(OSError):  # whoever read it may be gone
        os.write(_STDOUT, b"\nStopping; what is in hand is finished first.\n")  # print may be what was interrupted
    raise KeyboardInterrupt

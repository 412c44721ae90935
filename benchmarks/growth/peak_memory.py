"""The most memory that a process has had since a moment (Linux)."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.growth.drain import Memory

_FORGET_PEAK: Final = "5"  # proc(5), clear_refs
_BETWEEN_LOOKS: Final = 0.005  # seconds, where the kernel does not let us forget


class PeakMemory:
    """Of one process. The kernel keeps the peak; where it may not be set back, we look every 5 ms."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._peak = 0

    @property
    def taken(self) -> Memory:
        """What was found; complete once `watched` is left."""
        return Memory(self._before, self._peak)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what happens inside."""
        self._before = self._peak = _status(self._pid, "VmRSS")
        if _forget_peak(self._pid):
            yield
            self._peak = _status(self._pid, "VmHWM")
        else:
            with self._sampled():
                yield

    @contextlib.contextmanager
    def _sampled(self) -> Iterator[None]:
        done = threading.Event()
        looking = threading.Thread(target=self._look_until, args=[done], daemon=True)
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()

    def _look_until(self, done: threading.Event) -> None:
        is_over = False
        while not is_over:
            is_over = done.wait(_BETWEEN_LOOKS)
            self._peak = max(self._peak, _status(self._pid, "VmRSS"))


def _forget_peak(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(_FORGET_PEAK)
    except OSError:
        return False
    return True


def _status(pid: int, name: str) -> int:
    """Return bytes from the process's status."""
    _, _, rest = Path(f"/proc/{pid}/status").read_text().partition(f"{name}:")
    return int(rest.split(maxsplit=1)[0]) * 1024

"""A child process that cannot outlive us."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TETHER = Path(__file__).with_name("tether.py")

# The kernel ends a tethered child with the *thread* that started it. A caller's thread may be short-lived
# (asyncio.to_thread), this one lives until the interpreter ends.
_nursery = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devstack-nursery")


@dataclass(frozen=True)
class Child:
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_alive:
            self.process.send_signal(self.stop_signal)

    def stop(self, *, patience: float) -> None:
        """Ask, wait for `patience` seconds, then kill it with all that it started. Safe to call twice."""
        self.ask_to_stop()
        try:
            self.process.wait(timeout=max(patience, 0.0))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def stop_all(children: Collection[Child], *, patience: float) -> None:
    """Ask all at once, and give them `patience` seconds together to finish what they have in hand."""
    deadline = time.monotonic() + patience
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop(patience=deadline - time.monotonic())


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: int | IO[bytes],
    stop_signal: signal.Signals = signal.SIGTERM,
    directory: Path | None = None,
    account: str | None = None,
    pass_fds: Collection[int] = (),
) -> Child:
    """Start `command` in a session of its own, so that Ctrl-C reaches it through us alone and in our order.

    Standard output and error go to `output`. `stop_signal` is also what it gets when we die.
    """
    tether = [sys.executable, "-I", "-S", str(TETHER)]
    started = _nursery.submit(
        subprocess.Popen,
        [*tether, str(os.getpid()), str(int(stop_signal)), account or "-", *command],
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    return Child(started.result(), stop_signal)

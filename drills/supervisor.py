"""The processes of the Procfile, each started again when it ends, as systemd or Kubernetes would."""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from devstack.child import Child, spawn, stop_all
from devstack.processes import exec_in_shell

_RESTART_AFTER: Final = 1.0  # seconds
_BETWEEN_LOOKS: Final = 0.1
_STOP_PATIENCE: Final = 15.0


class Supervisor:
    """Runs `commands`, by name, in `directory`; the output of each goes to a file in `logs`."""

    def __init__(
        self, commands: Mapping[str, str], environment: Mapping[str, str], *, directory: Path, logs: Path
    ) -> None:
        self._commands = commands
        self._environment = environment
        self._directory = directory
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._killed: set[str] = set()
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self.restarts: Counter[str] = Counter()
        self.collapses: Counter[str] = Counter()  # ends that nobody ordered

    def __enter__(self) -> Self:
        for name in self._commands:
            (self._logs / f"{name}.log").unlink(missing_ok=True)
            self._start(name)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._watcher.join()
        stop_all(self._children.values(), patience=_STOP_PATIENCE)

    def pids(self) -> dict[str, int]:
        """Return the first process of each, by name; of one that has just ended its last."""
        return {name: child.process.pid for name, child in self._children.items()}

    def kill(self, name: str) -> None:
        """Kill a process with all that it started; return when it is gone. It comes back by itself."""
        with self._changing:
            child = self._children[name]
            self._killed.add(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def _start(self, name: str) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            command = exec_in_shell(self._commands[name])
            child = spawn(command, environment=self._environment, output=log, directory=self._directory)
        self._children[name] = child

    def _watch(self) -> None:
        ended_at: dict[str, float] = {}
        while not self._stopping.wait(_BETWEEN_LOOKS):
            now = time.monotonic()
            for name, child in self._children.items():
                if child.is_alive:
                    continue
                if now - ended_at.setdefault(name, now) >= _RESTART_AFTER:
                    del ended_at[name]
                    self._restart(name)

    def _restart(self, name: str) -> None:
        with self._changing:
            self.restarts[name] += 1
            if name not in self._killed:
                self.collapses[name] += 1
            self._killed.discard(name)
            self._start(name)

"""The system under test: servers, the processes of the Procfile, and the baseline's workers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from benchmarks import cpu
from benchmarks.queues import Queue
from devstack.child import Child, spawn
from devstack.identity import Identity
from devstack.ports import free_port, http_status
from devstack.processes import exec_in_shell, read_procfile
from devstack.stack import Servers, Stack, describe
from devstack.waiting import wait_until

ROOT: Final = Path(__file__).resolve().parent.parent
LOGS: Final = ROOT / "var" / "bench"
_STOP_PATIENCE: Final = 15.0  # seconds
_READY_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Process:
    """A running process of the system, with all that it started."""

    name: str
    child: Child

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def finish(self, *, patience: float) -> None:
        """Wait for its end. Raises RuntimeError when it failed, and TimeoutExpired after `patience` seconds."""
        if self.child.process.wait(timeout=patience) != 0:
            raise RuntimeError(f"the {self.name} failed; its log says why")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold it still, warm and connected, while a queue is filled; leaving is the start of the race."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)


class Environment:
    """Where processes are started. Their output goes to `logs`, a file each."""

    def __init__(self, servers: Servers, stack: Stack, *, logs: Path) -> None:
        self.stack = stack
        self.servers = servers
        self.logs = logs
        self.variables = {**stack.environment_over(os.environ), "LOG_LEVEL": "WARNING"}
        self._pids = {
            "SQS emulator": servers.aws.pid,
            "PostgreSQL": servers.postgres.pid,
            "Valkey": servers.valkey.pid,
            "SES simulator": servers.ses.pid,
            "FCM simulator": servers.fcm.pid,
            "APNs simulator": servers.apns.pid,
        }

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, logs: Path = LOGS) -> Iterator[Self]:
        """Servers with a fresh database and queues; PostgreSQL as durable as in production."""
        logs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="notifications-bench-") as directory:
            Path(directory).chmod(0o711)  # as root, PostgreSQL runs under another account
            identity = Identity()
            with Servers.below(Path(directory), identity, durable=True).running() as servers:
                stack = describe(servers, identity, port=free_port(), demo=False)
                os.environ.update(stack.environment)  # the harness calls the emulator too
                environment = cls(servers, stack, logs=logs)
                environment.run("manage.py", "migrate", "--verbosity", "0")
                environment.run("manage.py", "create_queues")
                yield environment

    def run(self, *command: str) -> str:
        """Run a Python program to its end and return what it printed."""
        finished = subprocess.run(
            [sys.executable, *command], env=self.variables, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        return finished.stdout

    @contextlib.contextmanager
    def process(self, name: str, command: Sequence[str]) -> Iterator[Process]:
        """A process of the system, for as long as the context lasts."""
        with (self.logs / f"{name}.log").open("wb") as log:
            child = spawn(command, environment=self.variables, output=log, directory=ROOT)
        self._pids[name] = child.process.pid
        try:
            yield Process(name, child)
        finally:
            del self._pids[name]
            child.stop(patience=_STOP_PATIENCE)

    @contextlib.contextmanager
    def procfile_process(self, name: str) -> Iterator[Process]:
        """A process as production runs it."""
        with self.process(name, procfile_command(name)) as process:
            yield process

    @contextlib.contextmanager
    def web(self, command: Sequence[str] | None = None) -> Iterator[Process]:
        """The web process, once it answers: as production runs it, unless another command is given."""
        with self.process("web", command or procfile_command("web")) as process:
            if not wait_until(lambda: self._web_answers() or not process.child.is_alive, seconds=_READY_PATIENCE):
                raise RuntimeError(f"the web process does not answer; see {self.logs / 'web.log'}")
            yield process

    def populate(self, users: int) -> list[str]:
        """Make the users and return a token of each."""
        tokens: list[str] = json.loads(self.run("-m", "benchmarks.population", str(users)))
        return tokens

    def queue(self, name: str) -> Queue:
        """Return a queue by name, whether it is there yet or not."""
        return Queue(self.servers.aws.queue_url(name), region=self.variables["AWS_DEFAULT_REGION"])

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds that each part has used so far, and all other programs of this machine."""
        used = {name: reading.cpu_seconds for name, reading in self.readings().items()}
        return {**used, cpu.ELSEWHERE: cpu.machine_seconds() - sum(used.values())}

    def readings(self) -> dict[str, cpu.Reading]:
        """Return the CPU and memory of each part, the harness among them."""
        return {**cpu.read(self._pids), "sockets and harness": cpu.read_own()}

    def _web_answers(self) -> bool:
        return http_status(int(self.variables["PORT"]), "/healthz") == HTTPStatus.OK


def procfile_command(name: str) -> list[str]:
    """Return the command by which production runs a process."""
    return exec_in_shell(read_procfile(ROOT / "Procfile")[name])

"""The Procfile's mail workers and beat on the test database, on queues of their own, with tests.delivery.impatient."""

import os
import secrets
import signal
from pathlib import Path
from typing import Final

from devstack.child import Child, spawn
from devstack.processes import exec_in_shell, read_procfile
from tests.conftest import ROOT, url_of_test_database

BOOT: Final = 90.0  # seconds that a worker may take to start on a busy machine


class PostOffice:
    """The processes and the prefix of their queues. `directory` is where they log."""

    NAMES = ("email", "maintenance", "beat")

    def __init__(self, directory: Path) -> None:
        self.prefix = f"test-{secrets.token_hex(4)}"
        self.log = directory / "post_office.log"
        self._children: dict[str, Child] = {}

    def open(self) -> None:
        """Start what does not run."""
        for name in self.NAMES:
            if name not in self._children or not self._children[name].is_alive:
                self.start(name)

    def start(self, name: str) -> None:
        """Start one, by its name in the Procfile."""
        command = read_procfile(ROOT / "Procfile")[name].replace(
            "-A notifications_project", "-A tests.delivery.impatient"
        )
        environment = {**os.environ, "DATABASE_URL": url_of_test_database(), "OUTBOUND_QUEUE_PREFIX": self.prefix}
        with self.log.open("ab") as log:
            self._children[name] = spawn(exec_in_shell(command), environment=environment, output=log, directory=ROOT)

    def kill(self, name: str) -> None:
        """As the kernel does it when memory runs out."""
        child = self._children.pop(name)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    @property
    def is_running(self) -> bool:
        """Whether none of them has died."""
        return all(child.is_alive for child in self._children.values())

    def close(self) -> None:
        """Kill all of them."""
        for name in list(self._children):
            self.kill(name)

"""The simulators as servers of the stack."""

import os
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final

from devstack.ports import LOOPBACK, http_status
from devstack.server import Server
from devstack.simulators.controls import READY_PATH

_ROOT: Final = Path(__file__).resolve().parent.parent.parent


class SimulatorServer(Server):
    """Runs `module` with `--port` and `--directory`."""

    module: ClassVar[str]
    start_patience: ClassVar[float] = 20.0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _prepare(self) -> None:
        pass

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", self.module, f"--port={self.port}", f"--directory={self.directory}"]

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "PYTHONPATH": str(_ROOT)}  # it runs in its own directory

    def _answers(self) -> bool:
        return http_status(self.port, READY_PATH) == HTTPStatus.OK


class SesSimulator(SimulatorServer):
    """Keeps its mails over a stop, and over a kill too."""

    name: ClassVar[str] = "The SES simulator"
    module: ClassVar[str] = "devstack.simulators.ses"

    @property
    def mailbox_url(self) -> str:
        return f"{self.url}/mailbox"

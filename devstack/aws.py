"""SQS and SNS from the `ministack` wheel.

Ministack is an ASGI application. Uvicorn serves it with half the CPU of its own server: 88 instead of 175 µs
per message for send, receive and delete in batches of ten. Both would grow by 80 µs per 1,000 messages that wait,
were some functions not our own (devstack/sqs_emulator.py). A long poll looks every 100 ms.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from devstack.ports import LOOPBACK, http_status
from devstack.server import Server

ACCOUNT = "000000000000"  # ministack's only one
_SERVICES = "sqs,sns"


class Aws(Server):
    """Writes its state when it is stopped and reads it at the next start: queues, messages, topics.

    Only a SIGKILL of the emulator itself loses messages. Queue URLs are part of that state, hence the same
    data wants the same port.
    """

    name: ClassVar[str] = "The SQS and SNS emulator"

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(directory, port=port)
        self.endpoint_url = f"http://{LOOPBACK}:{self.port}"

    def queue_url(self, queue: str) -> str:
        """Known before the queue is made."""
        return f"{self.endpoint_url}/{ACCOUNT}/{queue}"

    def _prepare(self) -> None:
        pass

    def _command(self) -> Sequence[str]:
        options = {
            "app-dir": str(Path(__file__).resolve().parent.parent),
            "host": LOOPBACK,
            "port": str(self.port),
            "lifespan": "on",
            "log-level": "warning",
            # No grace for open requests: a long poll would hold up every stop, and its client tries again.
            "timeout-graceful-shutdown": "0",
            # Seconds. uvicorn's own five would end just when beat, which calls every five, uses its connection again.
            "timeout-keep-alive": "75",
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        return [sys.executable, "-m", "uvicorn", "devstack.sqs_emulator:app", "--no-access-log", *flags]

    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "SERVICES": _SERVICES,
            "MINISTACK_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.directory),
            "TMPDIR": str(self.directory),
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
            # Off: listeners on fixed ports, and its search for containers of its own on the user's machine.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{self.directory}/none",
        }

    def _answers(self) -> bool:
        return http_status(self.port, "/_ministack/ready") == HTTPStatus.OK

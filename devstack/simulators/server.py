"""The simulators as servers of the stack."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final

from devstack.certificates import Certificates
from devstack.keys import public_half
from devstack.ports import LOOPBACK, free_port, http_status, is_free
from devstack.server import Server, ServerFailed
from devstack.simulators.apns.account import Account as ApnsAccount
from devstack.simulators.controls import READY_PATH
from devstack.simulators.fcm.account import Account as FcmAccount
from devstack.simulators.fcm.oauth import TOKEN_PATH

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


class PushSimulator(SimulatorServer):
    """Has its controls on `port`, by plain HTTP, and the provider's API on `api_port`, over TLS."""

    def __init__(
        self, directory: Path, *, port: int | None = None, api_port: int | None = None, certificates: Certificates
    ) -> None:
        super().__init__(directory, port=port)
        self.api_port = api_port or free_port()
        self._certificates = certificates

    def _prepare(self) -> None:
        if not is_free(self.api_port):
            raise ServerFailed(f"{self.name} cannot start: another program listens on port {self.api_port}.")

    def _command(self) -> Sequence[str]:
        files = self._certificates
        api = [f"--api-port={self.api_port}", f"--certificate={files.server}", f"--key={files.server_key}"]
        return [*super()._command(), *api]


class FcmSimulator(PushSimulator):
    """Knows one project with one service account, whose private key it is not told."""

    name: ClassVar[str] = "The FCM simulator"
    module: ClassVar[str] = "devstack.simulators.fcm"
    project: ClassVar[str] = "notifications-devstack"

    def __init__(self, directory: Path, *, private_key: str, **where: Any) -> None:
        super().__init__(directory, **where)
        self._private_key = private_key

    @property
    def endpoint_url(self) -> str:
        """In the place of https://fcm.googleapis.com."""
        return f"https://{LOOPBACK}:{self.api_port}"

    @property
    def service_account(self) -> str:
        """The key file as Google hands it out, JSON."""
        account = self._known_account()
        content = {
            "type": "service_account",
            "project_id": account.project,
            "private_key_id": "devstack",
            "private_key": self._private_key,
            "client_email": account.email,
            "client_id": "100000000000000000000",
            "token_uri": account.token_url,
        }
        return json.dumps(content)

    def _prepare(self) -> None:
        super()._prepare()
        self._known_account().keep_in(self.directory)

    def _known_account(self) -> FcmAccount:
        return FcmAccount(
            project=self.project,
            email=f"push@{self.project}.iam.gserviceaccount.com",
            token_url=f"{self.endpoint_url}{TOKEN_PATH}",
            public_key=public_half(self._private_key),
        )


class ApnsSimulator(PushSimulator):
    """Knows one team with one key, whose private half it is not told, and one app."""

    name: ClassVar[str] = "The APNs simulator"
    module: ClassVar[str] = "devstack.simulators.apns"
    team_id: ClassVar[str] = "DEVTEAM001"
    key_id: ClassVar[str] = "DEVKEY0001"
    topic: ClassVar[str] = "com.example.notifications"

    def __init__(self, directory: Path, *, private_key: str, **where: Any) -> None:
        super().__init__(directory, **where)
        self.private_key = private_key

    def _prepare(self) -> None:
        super()._prepare()
        account = ApnsAccount(
            team_id=self.team_id, key_id=self.key_id, topic=self.topic, public_key=public_half(self.private_key)
        )
        account.keep_in(self.directory)

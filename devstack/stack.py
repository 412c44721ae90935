"""The servers as one thing, and the description by which other programs find them."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from devstack.aws import Aws
from devstack.certificates import Certificates
from devstack.demo.people import AUDIENCE
from devstack.demo.services import SERVICES
from devstack.identity import Identity
from devstack.ports import LOOPBACK
from devstack.postgres import Postgres
from devstack.private_file import write_private_file
from devstack.simulators.server import ApnsSimulator, FcmSimulator, SesSimulator
from devstack.valkey import Valkey
from preferences import user_ids

EVENTS_QUEUE = "notification-events"
REGION = "us-east-1"
#: What each service may publish over HTTP, and what `manage.py publish_event` may.
_SOURCES = {**{service.name: [f"/services/{service.name}"] for service in SERVICES}, "shell": ["/shell"]}
_FOREIGN = ("AUTH_", "AWS_", "DJANGO_", "FCM_", "APNS_", "GOOGLE_")


@dataclass(frozen=True)
class Servers:
    postgres: Postgres
    valkey: Valkey
    aws: Aws
    ses: SesSimulator
    fcm: FcmSimulator
    apns: ApnsSimulator
    certificates: Certificates

    @classmethod
    def below(cls, directory: Path, identity: Identity, *, durable: bool) -> Self:
        """Servers with their data in `directory`. `durable=False` is for data that nobody will miss."""
        certificates = Certificates.kept_in(directory / "tls")
        return cls(
            Postgres(
                directory / "postgresql",
                port=identity.postgres_port,
                password=identity.postgres_password,
                durable=durable,
            ),
            Valkey(directory / "valkey", port=identity.valkey_port, password=identity.valkey_password),
            Aws(directory / "aws", port=identity.aws_port),
            SesSimulator(directory / "ses", port=identity.ses_port),
            FcmSimulator(
                directory / "fcm",
                port=identity.fcm_port,
                api_port=identity.fcm_api_port,
                certificates=certificates,
                private_key=identity.fcm_key,
            ),
            ApnsSimulator(
                directory / "apns",
                port=identity.apns_port,
                api_port=identity.apns_api_port,
                certificates=certificates,
                private_key=identity.apns_key,
            ),
            certificates,
        )

    def start(self) -> None:
        """Start at once all that do not run. Raises ServerFailed."""
        servers = (self.postgres, self.valkey, self.aws, self.ses, self.fcm, self.apns)
        with ThreadPoolExecutor(len(servers)) as starters:
            list(starters.map(lambda server: server.start(), servers))

    def stop(self) -> None:
        """One by one, the database last."""
        for server in (self.apns, self.fcm, self.ses, self.aws, self.valkey, self.postgres):
            server.stop()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        try:
            self.start()
            yield self
        finally:
            self.stop()


@dataclass(frozen=True)
class Stack:
    """A running stack: every address, and the environment that its processes were started with (spec §11).

    `people` are the user ids of the demo's alice, bob and charlie, as events name them.
    """

    base_url: str
    websocket_url: str
    database_url: str
    redis_url: str
    sqs_endpoint_url: str
    events_queue_url: str
    ses_endpoint_url: str
    mailbox_url: str
    fcm_simulator_url: str
    apns_simulator_url: str
    environment: Mapping[str, str]
    people: Mapping[str, str]

    def environment_over(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """For our processes: `inherited` without what leads to another project or a real account, and ours.

        Pages of the ALLOWED_ORIGINS that are inherited may show the bell too.
        """
        kept = {name: value for name, value in inherited.items() if not name.startswith(_FOREIGN)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
        origins = [self.environment["ALLOWED_ORIGINS"], inherited.get("ALLOWED_ORIGINS", "")]
        ours = {**self.environment, "ALLOWED_ORIGINS": ",".join(filter(None, origins))}
        return {**kept, **ours, "PATH": path, "PYTHONUNBUFFERED": "1"}

    @contextlib.contextmanager
    def announced(self, path: Path) -> Iterator[None]:
        """Keep the description in `path` for as long as the stack runs."""
        write_private_file(path, json.dumps(asdict(self), indent=2))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def describe(servers: Servers, identity: Identity, *, port: int, demo: bool) -> Stack:
    """The stack whose web process listens on `port`. `demo` opens the demo's own routes."""
    return Stack(
        base_url=f"http://{LOOPBACK}:{port}",
        websocket_url=f"ws://{LOOPBACK}:{port}/ws/notifications",
        database_url=servers.postgres.url,
        redis_url=servers.valkey.url,
        sqs_endpoint_url=servers.aws.endpoint_url,
        events_queue_url=servers.aws.queue_url(EVENTS_QUEUE),
        ses_endpoint_url=servers.ses.url,
        mailbox_url=servers.ses.mailbox_url,
        fcm_simulator_url=servers.fcm.url,
        apns_simulator_url=servers.apns.url,
        environment={
            "DEMO": "1" if demo else "0",
            "DEBUG": "0",
            **_web(port),
            **(_demo(port) if demo else {}),
            **_data(servers),
            "SES_ENDPOINT_URL": servers.ses.url,
            **_push(servers),
            **_simulators(servers),
            **_credentials(identity),
            "NO_PROXY": f"{LOOPBACK},localhost",
            "no_proxy": f"{LOOPBACK},localhost",
        },
        people={character.key: user_ids.show(character.id) for character in AUDIENCE},
    )


def _web(port: int) -> Mapping[str, str]:
    base_url = f"http://{LOOPBACK}:{port}"
    return {
        "BIND_ADDRESS": LOOPBACK,
        "PORT": str(port),
        "PUBLIC_URL": base_url,
        "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "ALLOWED_ORIGINS": f"{base_url},http://localhost:{port}",
    }


def _demo(port: int) -> Mapping[str, str]:
    """Where a mail's link to the settings leads: to the page, which opens them."""
    return {"PREFERENCES_URL": f"http://{LOOPBACK}:{port}/?settings"}


def _data(servers: Servers) -> Mapping[str, str]:
    return {
        "DATABASE_URL": servers.postgres.url,
        "REDIS_URL": servers.valkey.url,
        "SQS_ENDPOINT_URL": servers.aws.endpoint_url,
        "EVENTS_QUEUE_URL": servers.aws.queue_url(EVENTS_QUEUE),
    }


def _simulators(servers: Servers) -> Mapping[str, str]:
    """Where the demo's page looks for what the providers took; no settings of the product."""
    return {
        "MAILBOX_URL": servers.ses.mailbox_url,
        "FCM_SIMULATOR_URL": servers.fcm.url,
        "APNS_SIMULATOR_URL": servers.apns.url,
    }


def _credentials(identity: Identity) -> Mapping[str, str]:
    """AWS's, which the emulators do not look at, and what the product signs and checks with."""
    return {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SECRET_KEY": identity.secret_key,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET": identity.jwt_secret,
        "JWT_ISSUER": "notifications-devstack",
        "JWT_AUDIENCE": "notifications",
        "SERVICE_TOKEN_SOURCES": json.dumps(_SOURCES),
    }


def _push(servers: Servers) -> Mapping[str, str]:
    fcm, apns = servers.fcm, servers.apns
    return {
        "FCM_PROJECT_ID": fcm.project,
        "FCM_SERVICE_ACCOUNT_JSON": fcm.service_account,
        "FCM_ENDPOINT_URL": fcm.endpoint_url,
        "APNS_KEY": apns.private_key,
        "APNS_KEY_ID": apns.key_id,
        "APNS_TEAM_ID": apns.team_id,
        "APNS_TOPIC": apns.topic,
        "APNS_HOST": LOOPBACK,
        "APNS_PORT": str(apns.api_port),
        "APNS_CA_FILE": str(servers.certificates.authority),
        # By this variable alone pyfcm and google-auth, which both go through requests, learn whom to trust.
        "REQUESTS_CA_BUNDLE": str(servers.certificates.trusted),
    }

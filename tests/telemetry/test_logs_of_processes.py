"""Real processes, their whole output, and people who can be recognised in it."""

import json
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from delivery import dispatch
from devstack.child import Child
from devstack.ports import free_port, http_status
from devstack.waiting import wait_until
from notifications.models import RejectedEvent
from notifications_project import celery_app
from preferences.models import User
from tests.conftest import running_process
from tests.dogstatsd import Agent
from tests.telemetry.journey import (
    PATIENCE,
    altered,
    fail_at_every_provider,
    happening,
    refusals,
    secrets_of,
    socket_refusals,
    zoraida,
)

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("web", "intake", "email", "push", "maintenance", "beat")


class Log:
    """What the processes of a test have written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.children: list[Child] = []

    @property
    def text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self._directory.glob("*.log"))

    def lines(self, message: str = "", **fields: Any) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]
        wanted = {"message": message, **fields} if message else fields
        return [line for line in found if wanted.items() <= line.items()]

    def says(self, message: str, **fields: Any) -> bool:
        return wait_until(lambda: bool(self.lines(message, **fields)), seconds=PATIENCE)

    def end(self) -> None:
        """Have all processes say their last word."""
        for child in self.children:
            child.process.send_signal(signal.SIGTERM)
        for child in self.children:
            child.process.wait(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called: this stands in for what keeps other tests from it."""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def log(queue, settings: Settings, tmp_path: Path, port: int, flag_on, agent: Agent) -> Iterator[Log]:
    """Everything at work, on queues of its own, and as talkative as it can be."""
    prefix = f"log-{secrets.token_hex(4)}"
    settings.MAINTENANCE_QUEUE = f"{prefix}-maintenance"
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    dispatch.create_queues()
    environment = {
        **agent.environment,
        "EVENTS_QUEUE_NAME": queue.name,
        "EVENTS_QUEUE_URL": queue.url,
        "OUTBOUND_QUEUE_PREFIX": prefix,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
        "LOG_EVENTS": "1",
    }
    log = Log(tmp_path)
    with ExitStack() as running:
        for name in NAMES:
            process = running_process(name, environment, log=tmp_path / f"{name}.log", app="tests.delivery.impatient")
            log.children.append(running.enter_context(process))
        assert wait_until(lambda: http_status(port, "/healthz") == 200, seconds=PATIENCE)
        yield log


@pytest.fixture
def person(db: None) -> User:
    return zoraida()


def test_one_id_leads_from_the_queue_to_the_providers_and_nobody_is_named(
    queue, person: User, port: int, log: Log, agent: Agent, mailbox, fcm, apns, settings: Settings
):
    _bad_events(queue, person)
    celery_app.send_task("delivery.attempt", ["Zoraida", []], queue=settings.OUTBOUND_QUEUES["email"])
    fail_at_every_provider(mailbox, [fcm, apns], queue, person)
    for channel in ("email", "push"):
        assert log.says("delivery failed", event_id="evt-reject", channel=channel, process=channel)
    answers = list(refusals(f"http://127.0.0.1:{port}", person))
    heard = list(socket_refusals(f"ws://127.0.0.1:{port}/ws/notifications", person))
    assert log.says("task failed", process="email")
    log.end()

    _one_id_leads_through(log)
    secret = secrets_of(person)
    assert [answer.url for answer in answers if answer.status_code < 400] == []
    said = [f"{answer.status_code} {answer.headers} {answer.text}" for answer in answers] + heard
    assert [(planted, text) for planted in secret for text in said if planted in text] == []
    measured = b"\n".join(agent.datagrams()).decode()
    assert "internal_errors" in measured
    assert [planted for planted in secret if planted in measured] == []
    assert {line["process"] for line in log.lines()} >= {"web", "intake", "email", "push"}
    assert [planted for planted in secret if planted in log.text] == []


def _bad_events(queue: Any, person: User) -> None:
    """One that PostgreSQL refuses, one of no type, and one that is nothing at all."""
    poison = "CHECK (resource_title <> 'Poisonous Wolpertinger') NOT VALID"
    with altered(
        f"ALTER TABLE notifications ADD CONSTRAINT planted {poison}",
        "ALTER TABLE notifications DROP CONSTRAINT planted",
    ):
        poisoned = happening(person, "evt-poison", title="Poisonous Wolpertinger")
        queue.send([poisoned, happening(person, "evt-bad", type="Mandelbrot"), "Zoraida {"])
        assert wait_until(lambda: RejectedEvent.objects.count() == 3, seconds=PATIENCE)


def _one_id_leads_through(log: Log) -> None:
    stages = [line["message"] for line in log.lines(event_id="evt-reject", process="intake")]
    assert stages == ["event received", "event stored"]
    [failed] = log.lines("event failed", event_id="evt-poison")
    assert failed["error"] == {"kind": "IntegrityError"}
    assert failed["place"].startswith("notifications/records.py:")
    assert [line["reason"] for line in log.lines("event rejected", event_id="evt-bad")] == ["unknown_type"]
    assert log.lines("request failed", process="web")[-1]["http"]["status_code"] == 500

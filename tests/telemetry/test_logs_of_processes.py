"""Real processes, their whole output, and people who can be recognised in it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from pytest_django import Settings

from delivery import dispatch
from devstack.ports import free_port, http_status
from devstack.waiting import wait_until
from notifications.models import RejectedEvent
from notifications_project import celery_app
from preferences import push_tokens
from preferences.authentication import issue_token
from preferences.models import User
from tests.cloudevents import event_for
from tests.conftest import running_process

pytestmark = pytest.mark.django_db(transaction=True)
BOOT = 90  # seconds
PHONE = "abcdef0123456789" * 4
#: What is planted, and must not come out.
SECRETS = ("Zoraida", "Quintanilla", "zoraida.quintanilla", "Wolpertinger", "Mandelbrot", PHONE, "token-planted")
NAMES = ("web", "intake", "email", "push")


class Log:
    """What the processes of a test have written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self._directory.glob("*.log"))

    def lines(self, message: str = "", **fields: Any) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]
        wanted = {"message": message, **fields} if message else fields
        return [line for line in found if wanted.items() <= line.items()]

    def says(self, message: str, **fields: Any) -> bool:
        return wait_until(lambda: bool(self.lines(message, **fields)), seconds=BOOT)


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called: this stands in for what keeps other tests from it."""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def log(queue, settings: Settings, tmp_path: Path, port: int, flag_on) -> Iterator[Log]:
    """Everything at work, on queues of its own, and as talkative as it can be."""
    prefix = f"log-{secrets.token_hex(4)}"
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    dispatch.create_queues()
    environment = {
        "EVENTS_QUEUE_NAME": queue.name,
        "EVENTS_QUEUE_URL": queue.url,
        "OUTBOUND_QUEUE_PREFIX": prefix,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
        "LOG_EVENTS": "1",
    }
    with ExitStack() as running:
        for name in NAMES:
            running.enter_context(running_process(name, environment, log=tmp_path / f"{name}.log"))
        assert wait_until(lambda: http_status(port, "/healthz") == 200, seconds=BOOT)
        yield Log(tmp_path)


@pytest.fixture
def person(db: None) -> User:
    user = User.objects.create_user("zoraida.quintanilla@example.com", name="Zoraida Quintanilla")
    wanted = {"email_digest": "immediate", "preferences": {"mentioned": {"email": True, "push": True}}}
    User.objects.filter(id=user.id).update(notification_preferences=wanted)
    push_tokens.register(user.id, platform=push_tokens.Platform.IOS, token=PHONE, device_id="phone")
    return user


def happening(person: User, id_: str, *, title: str = "Breed the Wolpertinger", **changes: Any) -> str:
    """Somebody who is in no list mentions the person."""
    task = {"type": "task", "id": "tsk_1", "url": "/tasks/1", "title": title}
    data = {"resource": task, "params": {"excerpt": "Mandelbrot"}}
    return json.dumps(event_for(person, **{"id": id_, "type": "mentioned", "data": data, **changes}))


@contextmanager
def altered(change: str, back: str) -> Iterator[None]:
    """The database as it should not be."""
    with connection.cursor() as cursor:
        cursor.execute(change)
        try:
            yield
        finally:
            cursor.execute(back)


def test_one_id_leads_from_the_queue_to_the_providers_and_nobody_is_named(
    queue, person: User, port: int, log: Log, mailbox, apns, settings: Settings
):
    mailbox.fail("reject", match="zoraida")
    apns.fail("dead_token")
    poison = "CHECK (resource_title <> 'Poisonous Wolpertinger') NOT VALID"
    with altered(
        f"ALTER TABLE notifications ADD CONSTRAINT planted {poison}",
        "ALTER TABLE notifications DROP CONSTRAINT planted",
    ):
        poisoned = happening(person, "evt-poison", title="Poisonous Wolpertinger")
        bad = happening(person, "evt-bad", type="Mandelbrot")
        queue.send([happening(person, "evt-1"), poisoned, bad, "Zoraida {"])
        assert wait_until(lambda: RejectedEvent.objects.count() == 3, seconds=BOOT)
    celery_app.send_task("delivery.attempt", ["Zoraida", []], queue=settings.OUTBOUND_QUEUES["email"])
    assert log.says("task failed", process="email")
    for channel in ("email", "push"):
        assert log.says("delivery failed", event_id="evt-1", channel=channel, process=channel)
    _ask_in_vain(port, person)

    assert [line["message"] for line in log.lines(event_id="evt-1", process="intake")] == [
        "event received",
        "event stored",
    ]
    [failed] = log.lines("event failed", event_id="evt-poison")
    assert failed["error"] == {"kind": "IntegrityError"}
    assert failed["place"].startswith("notifications/records.py:")
    assert [line["reason"] for line in log.lines("event rejected", event_id="evt-bad")] == ["unknown_type"]
    assert log.lines("request failed", process="web")[-1]["http"]["status_code"] == 500
    personal = [*SECRETS, issue_token(person).rpartition(".")[0], str(person.id), person.id.hex]
    assert [secret for secret in personal if secret in log.text] == []


def _ask_in_vain(port: int, person: User) -> None:
    """Requests that are refused, that lead nowhere, and one that breaks."""
    base = f"http://127.0.0.1:{port}"
    httpx.get(f"{base}/api/v1/notifications", headers={"Authorization": "Bearer token-planted"})
    httpx.get(f"{base}/email/unsubscribe/token-planted")
    httpx.get(f"{base}/api/v1/notifications/Wolpertinger?name=Quintanilla")
    headers = {"Authorization": f"Bearer {issue_token(person)}"}
    with altered("ALTER TABLE notifications RENAME TO away", "ALTER TABLE away RENAME TO notifications"):
        assert httpx.get(f"{base}/api/v1/notifications", headers=headers).status_code == 500

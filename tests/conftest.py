"""What tests share: a cast of three, a queue of their own, and processes that work on the test database."""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg.sql import SQL, Identifier
from pytest_django import Settings
from redis import Redis
from waffle.models import Switch

from delivery import dispatch
from delivery.transports import bell
from devstack.child import Child, spawn
from devstack.ports import http_status
from devstack.processes import exec_in_shell, read_procfile
from devstack.sqs_faults import SqsFault, order
from devstack.stack import Servers
from devstack.waiting import wait_until
from notifications.event_queue import EventQueue
from notifications.sockets import places
from preferences import rollout
from preferences.models import Flag, User
from tests.mailbox import Mailbox
from tests.phones import Phones, phones_at

ROOT = Path(__file__).resolve().parent.parent
_WEB_PATIENCE = 90.0  # seconds; on a busy machine

#: Tables that migrations fill. A test may change their rows, and `flag_on` sets right what matters of them.
_KEPT = {
    model._meta.db_table
    for model in (MigrationRecorder.Migration, ContentType, Permission, Group, Group.permissions.through, Flag, Switch)
}

# No test is timed, and Hypothesis by itself would fail an example for 200 ms on a busy machine.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


@dataclass(frozen=True)
class Web:
    """A running web process."""

    base_url: str
    websocket_url: str
    child: Child
    log: Path


# --- Every test starts from nothing --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether to leave the test database behind: it goes with its server."""
    return True


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_cheap() -> Iterator[None]:
    """A million rounds for each staff member of each test are a third of a second of CPU, and protect nobody here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1_000)
        yield


@pytest.fixture(scope="session", autouse=True)
def _transactional_tests_are_cheap() -> Iterator[None]:
    """Have Django DELETE what a transactional test committed.

    Its TRUNCATE waits for every reader in other processes, takes away what migrations wrote, and is refused for the
    users, to whom tables refer that no model owns any more.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: _delete_all_rows())
        yield


def _delete_all_rows() -> None:
    """Delete them once more when a deadlock with the web process, which notes late what was displayed, hit us."""
    tables = sorted(set(connection.introspection.table_names()) - _KEPT)
    with contextlib.suppress(OperationalError):
        return _delete_from(tables)
    return _delete_from(tables)


def _delete_from(tables: Iterable[str]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:  # foreign keys are checked at the commit
        for table in tables:
            cursor.execute(SQL("DELETE FROM {}").format(Identifier(table)))


@pytest.fixture(scope="session")
def valkey() -> Iterator[Redis]:
    """A client for what the code under test keeps there; every test finds it empty."""
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_worker_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would take the tasks off their queue, which all tests share. `monkeypatch.undo()` calls them again."""
    monkeypatch.setattr("celery.app.base.Celery.send_task", lambda *_, **__: None)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which this thread, or one that sends pushes, wanted to sleep, and did not. Others sleep."""
    usual, ours, wanted = time.sleep, threading.current_thread(), list[float]()

    def note(seconds: float) -> None:
        thread = threading.current_thread()
        if thread is ours or thread.name.startswith("fcm"):
            wanted.append(seconds)
        else:
            usual(seconds)

    monkeypatch.setattr(time, "sleep", note)
    return wanted


@pytest.fixture(autouse=True)
def _redis_and_sqs_are_asked_at_once() -> None:
    """Whatever failed in the test before, which nobody is told about any more."""
    bell._unrung.forget()
    for module in (bell, places, dispatch):
        module._respite.end()


@pytest.fixture(autouse=True)
def _clean_slate(valkey: Redis) -> None:
    valkey.flushall()
    rollout.forget()


@pytest.fixture(autouse=True)
def _in_the_rollout(request: pytest.FixtureRequest) -> None:
    """Tests with a database have the flag on, like the demo; those about the rollout turn it off."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("flag_on")


@pytest.fixture
def flag_on(db: None) -> Flag:
    """`notifications_v2` on for everyone, and the kill switch off as if it had never been on. A test that changes
    either calls `rollout.forget()`."""
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": False})
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(modified=F("created"))
    flag: Flag
    flag, _ = Flag.objects.update_or_create(name=rollout.FLAG, defaults={"everyone": True, "percent": None})
    rollout.forget()
    return flag


# --- A cast of three -----------------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    """The one whom the test is about."""
    return User.objects.create_user("alice@example.com", name="Alice Moreau")


@pytest.fixture
def bob(db: None) -> User:
    """Who does something that concerns Alice."""
    return User.objects.create_user("bob@example.com", name="Bob Okafor")


@pytest.fixture
def charlie(db: None) -> User:
    """Who must see nothing of it."""
    return User.objects.create_user("charlie@example.com", name="Charlie Lindqvist")


# --- Mail ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """The mails that the SES of this run took, none at first; faults that a test orders end with it."""
    with httpx.Client(base_url=os.environ["SES_ENDPOINT_URL"]) as client:
        box = Mailbox(client)
        box.empty()
        yield box
        box.heal()


# --- Push ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fcm(servers: Servers) -> Iterator[Phones]:
    """The Android phones that this run's FCM reaches: no pushes at first; faults that a test orders end with it."""
    with phones_at(servers.fcm.url) as phones:
        yield phones


@pytest.fixture
def apns(servers: Servers) -> Iterator[Phones]:
    """The iPhones that this run's APNs reaches, likewise."""
    with phones_at(servers.apns.url) as phones:
        yield phones


# --- A queue and processes -----------------------------------------------------------------------------------


@pytest.fixture
def queue(settings: Settings) -> EventQueue:
    """This test's own queue, where the settings look for the queue of events."""
    settings.EVENTS_QUEUE_NAME = f"events-{secrets.token_hex(6)}"
    settings.EVENTS_QUEUE_URL = ""
    events = EventQueue()
    events.create()
    settings.EVENTS_QUEUE_URL = events.url
    return events


@pytest.fixture
def failing_sqs(servers: Servers) -> Iterator[str]:
    """Answers 500 or 503 to every call, until it is told otherwise at this address."""
    url = servers.aws.endpoint_url
    order(url, SqsFault(refused=1.0))
    yield url
    order(url, None)


@pytest.fixture
def start_intake(
    transactional_db: None, flag_on: Flag, queue: EventQueue, tmp_path: Path
) -> Iterator[Callable[[], Child]]:
    """Starts an intake process on the test's queue; for tests that want more than one."""
    environment = {"EVENTS_QUEUE_NAME": queue.name, "EVENTS_QUEUE_URL": queue.url}
    with contextlib.ExitStack() as running:
        yield lambda: running.enter_context(running_process("intake", environment, log=tmp_path / "intake.log"))


@pytest.fixture
def intake(start_intake: Callable[[], Child]) -> Child:
    """An intake process on the test's queue."""
    return start_intake()


@pytest.fixture(scope="session")
def _web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    base_url, port = os.environ["PUBLIC_URL"], int(os.environ["PORT"])
    log = tmp_path_factory.mktemp("web") / "web.log"
    EventQueue().create()  # without it the process is not ready
    environment = {"ROLLOUT_CACHE_MS": "0", "DATABASE_POOL_TIMEOUT_SECONDS": "30"}  # a machine may stand still
    with running_process("web", environment, log=log) as child:
        web = Web(base_url, f"{base_url.replace('http', 'ws', 1)}/ws/notifications", child, log)
        wait_until(lambda: not child.is_alive or http_status(port, "/healthz") is not None, seconds=_WEB_PATIENCE)
        assert child.is_alive, log.read_text()
        yield web


@pytest.fixture
def web(_web: Web, transactional_db: None, flag_on: Flag) -> Iterator[Web]:
    """The web process of this run, on the test database. It reads the flag and the switch anew for each question."""
    # A test before may have restarted a server; the connections that it broke are replaced one by one.
    assert wait_until(lambda: _has_its_servers(_web), seconds=_WEB_PATIENCE)
    known = _web.log.stat().st_size
    yield _web
    with _web.log.open("rb") as log:
        log.seek(known)
        print(log.read().decode(errors="replace"))  # pytest shows it when the test failed


def _has_its_servers(web: Web) -> bool:
    """Beside the queue, which each test names anew."""
    found = httpx.get(f"{web.base_url}/readyz").json()
    return bool(found["database"] == found["redis"] == "ok")


@contextlib.contextmanager
def running_process(
    name: str, environment: Mapping[str, str], *, log: Path, app: str = "notifications_project"
) -> Iterator[Child]:
    """Run what the Procfile calls `name` on the test database; it is killed at the end, since nobody waits for it.

    `app` is the Celery application of a worker: with tests.delivery.impatient its minutes are seconds.
    """
    on_test_database = {**os.environ, "DATABASE_URL": url_of_test_database(), **environment}
    command = read_procfile(ROOT / "Procfile")[name].replace("-A notifications_project", f"-A {app}")
    with log.open("ab") as output:
        child = spawn(exec_in_shell(command), environment=on_test_database, output=output, directory=ROOT)
    try:
        yield child
    finally:
        child.stop(patience=0)
        print(log.read_text(errors="replace"))


def url_of_test_database() -> str:
    """Return the address of the database that this test's rows are in, for a process of its own."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()

"""SIGTERM to each process of the Procfile while it works: it ends by itself, and nothing is lost, held or doubled."""

import json
import os
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from django.db import connection, transaction
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from delivery import dispatch
from delivery.dispatch import Due
from delivery.models import Delivery, State
from devstack.child import Child
from devstack.ports import free_port, http_status
from devstack.waiting import wait_until
from notifications.event_queue import Depth, EventQueue
from notifications.models import Notification
from preferences import push_tokens
from preferences.authentication import issue_token
from preferences.catalog import Channel
from preferences.models import User
from tests.bells import open_bell
from tests.cloudevents import event_for
from tests.conftest import running_process
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db(transaction=True)
#: Seconds. Orchestrators kill after 30, unless they are told otherwise.
PATIENCE = 20
BOOT = 90

Start = Callable[..., Child]


@pytest.fixture(autouse=True)
def _no_worker_is_called() -> None:
    """Here workers are called: this stands in for what keeps other tests from it."""


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Start]:
    """Starts a process of the Procfile, on queues of its own."""
    prefix = f"drain-{secrets.token_hex(4)}"
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    settings.MAINTENANCE_QUEUE = f"{prefix}-maintenance"
    dispatch.create_queues()
    with ExitStack() as running:

        def begin(name: str, **environment: str) -> Child:
            values = {"OUTBOUND_QUEUE_PREFIX": prefix, **environment}
            return running.enter_context(running_process(name, values, log=tmp_path / f"{name}.log"))

        yield begin


def exit_code_of(child: Child) -> int:
    """Ask it to stop, and wait until it has."""
    child.ask_to_stop()
    return child.process.wait(timeout=PATIENCE)


def call_for(*rows: Delivery) -> None:
    dispatch.wake(Due(row.id, Channel(row.channel)) for row in rows)


def is_swept(*, until: dict[str, int]) -> bool:
    """Call for what waits, as the sweeper does: SQS may hand a call to the long poll of a worker that is gone."""
    call_for(*Delivery.objects.filter(state=State.PENDING))
    return wait_until(lambda: states() == until, seconds=3)


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("state", flat=True))


# --- Web -----------------------------------------------------------------------------------------------------


@pytest.fixture
def web(start: Start) -> tuple[Child, int]:
    port = free_port()
    child = start("web", PORT=str(port))
    assert wait_until(lambda: http_status(port, "/healthz") == 200, seconds=BOOT)
    return child, port


def test_a_web_process_answers_what_was_asked_before_it_ends(web: tuple[Child, int], alice: User):
    child, port = web
    headers = {"Authorization": f"Bearer {issue_token(alice)}"}
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.get(f"http://127.0.0.1:{port}/api/v1/notifications", headers=headers).status_code)

    asking = threading.Thread(target=ask)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        asking.start()
        assert wait_until(lambda: waits_for_a_lock(cursor), seconds=10)
        child.ask_to_stop()
        assert wait_until(lambda: http_status(port, "/healthz") is None, seconds=10)  # a load balancer sees it
        assert child.is_alive
    assert child.process.wait(timeout=PATIENCE) == -signal.SIGTERM  # uvicorn ends by the signal, once it is done
    asking.join()
    assert answers == [200]


def waits_for_a_lock(cursor) -> bool:
    cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return cursor.fetchone()[0] > 0


def test_a_web_process_closes_its_sockets_so_that_bells_come_again(web: tuple[Child, int], alice: User):
    child, port = web
    with open_bell(f"ws://127.0.0.1:{port}/ws/notifications", alice) as bell:
        child.ask_to_stop()
        with pytest.raises(ConnectionClosed) as closed:
            bell.hear("anything", seconds=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012  # service restart
    assert child.process.wait(timeout=PATIENCE) == -signal.SIGTERM


# --- Intake --------------------------------------------------------------------------------------------------


def test_an_intake_finishes_or_leaves_what_it_has_in_hand(start_intake: Callable[[], Child], queue, alice: User):
    queue.send([json.dumps(event_for(alice, id=str(number))) for number in range(400)])
    intake = start_intake()
    assert wait_until(Notification.objects.exists, seconds=BOOT)
    assert exit_code_of(intake) == 0
    stored = Notification.objects.count()
    assert wait_until(lambda: queue.depth() == Depth(400 - stored, 0), seconds=5), (stored, queue.depth())


def test_an_intake_ends_whichever_of_its_threads_hears_the_signal(
    start_intake: Callable[[], Child], queue, alice: User
):
    queue.send([json.dumps(event_for(alice))])
    intake = start_intake()
    assert wait_until(Notification.objects.exists, seconds=BOOT)
    threads = Path(f"/proc/{intake.process.pid}/task").iterdir()
    os.kill(max(int(thread.name) for thread in threads), signal.SIGTERM)  # Linux asks the thread of this number first
    assert intake.process.wait(timeout=PATIENCE) == 0


# --- Workers and beat ------------------------------------------------------------------------------------------


def test_a_mail_worker_finishes_the_mail_in_hand_and_gives_the_rest_back(start: Start, alice: User, mailbox):
    mailbox.fail("slow", seconds=0.5)
    rows = [delivery(alice, title=f"Number {number}") for number in range(40)]
    worker = start("email")
    call_for(*rows)
    mailbox.wait_for(3, seconds=BOOT)
    assert exit_code_of(worker) == 0
    taken = len(mailbox.mails())
    assert 0 < taken < 40
    assert states() == {State.SENT: taken, State.PENDING: 40 - taken}
    assert set(Delivery.objects.filter(state=State.PENDING).values_list("attempts", flat=True)) == {0}
    mailbox.heal()
    start("email")
    assert any(is_swept(until={State.SENT: 40}) for _ in range(BOOT))
    assert len(mailbox.mails()) == 40


def test_a_push_worker_waits_for_the_answers_under_way(start: Start, alice: User, fcm):
    push_tokens.register(alice.id, platform=push_tokens.Platform.ANDROID, token="android-token-1", device_id="phone")
    fcm.fail("slow", seconds=1)
    rows = [delivery(alice, channel=Channel.PUSH, title=f"Number {number}") for number in range(50)]
    worker = start("push")
    call_for(*rows)
    fcm.wait_for(3, seconds=BOOT)
    assert exit_code_of(worker) == 0
    taken = len(fcm.shown())
    assert 0 < taken < 50
    assert states() == {State.SENT: taken, State.PENDING: 50 - taken}


@pytest.mark.parametrize("name", ["email", "push", "maintenance"])
def test_an_idle_worker_ends_soon(start: Start, name: str):
    worker = start(name)
    assert wait_until(lambda: has_begun(worker), seconds=BOOT)
    assert exit_code_of(worker) == 0


def test_beat_ends_soon(start: Start, settings: Settings):
    beat = start("beat")
    calls = EventQueue(settings.MAINTENANCE_QUEUE)
    assert wait_until(lambda: calls.depth().waiting > 0, seconds=BOOT)
    assert exit_code_of(beat) == 0


def has_begun(child: Child) -> bool:
    """Whether it heeds SIGTERM already: it has put a handler of its own in place."""
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))

import contextlib
import socket
import time

import pytest
from kombu.exceptions import OperationalError as BrokerError

from delivery import dispatch, sweeper
from delivery.dispatch import Due
from preferences.catalog import Channel
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db
DUE = [Due(1, Channel.EMAIL), Due(2, Channel.PUSH)]


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """The channels whose workers were called while SQS is away."""
    called: list[str] = []

    def fail(self, name, arguments, **_):
        called.append(arguments[0])
        raise BrokerError("no answer")

    monkeypatch.setattr("celery.app.base.Celery.send_task", fail)
    return called


def test_after_a_call_that_failed_nobody_is_called_for_a_while(calls):
    dispatch.wake(DUE)
    dispatch.wake(DUE)
    assert calls == ["email"]


def test_afterwards_workers_are_called_again(calls, monkeypatch):
    dispatch.wake(DUE)
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    dispatch.wake(DUE)
    assert calls == ["email", "email"]


def test_what_nobody_was_called_for_is_called_for_by_the_next_sweep(calls, alice, monkeypatch):
    mail = delivery(alice)
    dispatch.wake([Due(mail.id, Channel.EMAIL)])
    called = []
    monkeypatch.setattr(dispatch, "wake", called.extend)
    sweeper.sweep()
    sweeper.sweep()
    assert called == [Due(mail.id, Channel.EMAIL)]


def callers(server: socket.socket) -> list[object]:
    """Who has connected so far and was not taken yet; they have given up."""
    server.setblocking(False)
    found: list[object] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, address = server.accept()
            connection.close()
            found.append(address)
    return found


def test_an_sqs_that_does_not_answer_holds_up_one_batch_for_a_moment(servers, monkeypatch):
    monkeypatch.undo()  # call in earnest
    servers.aws.stop()
    with socket.create_server(("127.0.0.1", servers.aws.port), backlog=50) as silent:
        dispatch.wake(DUE)
        asked = callers(silent)
        for _ in range(20):
            dispatch.wake(DUE)
        assert (len(asked), callers(silent)) == (1, [])

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from devstack.waiting import wait_until
from notifications.intake import database_gate
from notifications.intake.database_gate import DatabaseGate
from tests.postgres_defaults import defaults

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def gate(stopping) -> DatabaseGate:
    return DatabaseGate(stopping)


@pytest.fixture
def answers(monkeypatch) -> list[bool]:
    """What the probes found, one after the other."""
    found, probe = list[bool](), database_gate._takes_writes

    def noted() -> bool:
        found.append(probe())
        return found[-1]

    monkeypatch.setattr(database_gate, "_PROBE_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(database_gate, "_takes_writes", noted)
    return found


@pytest.fixture
def intake() -> Iterator[ThreadPoolExecutor]:
    """A thread of it, with a connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(connection.close)


def test_a_gate_that_was_closed_for_nothing_opens_again(gate, intake):
    intake.submit(gate.close_until_it_answers).result(timeout=30)
    assert gate.is_open
    assert gate.wait(seconds=0)


def test_a_server_that_takes_no_writes_keeps_it_closed_until_it_does(gate, intake, answers):
    with defaults("default_transaction_read_only = on"):
        closed = intake.submit(gate.close_until_it_answers)
        assert wait_until(lambda: len(answers) >= 3, seconds=30)
        assert not gate.wait(seconds=0)
    closed.result(timeout=30)
    assert answers[:3] == [False] * 3
    assert gate.is_open


def test_a_stop_leaves_it_closed(gate, intake, stopping):
    stopping.set()
    with defaults("default_transaction_read_only = on"):
        intake.submit(gate.close_until_it_answers).result(timeout=30)
    assert not gate.is_open

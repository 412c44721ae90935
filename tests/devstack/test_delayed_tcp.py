import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from devstack.delayed_tcp import DelayedTcp

CALLS = 40
ROUND_TRIP = 0.1  # seconds
LARGE = b"0123456789" * 200_000


@contextmanager
def _answering(answer):
    """Have `answer` speak on every connection to the port, each in a thread of its own."""

    def serve():
        with suppress(OSError):  # of the listener, once it is shut down
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=CALLS) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _echo(connection):
    with connection:
        while chunk := connection.recv(65_536):
            connection.sendall(chunk)


@pytest.fixture
def echo_port():
    with _answering(_echo) as port:
        yield port


def _call(port, payload):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        sending = threading.Thread(target=connection.sendall, args=[payload])
        sending.start()
        answer = b""
        while len(answer) < len(payload):
            answer += connection.recv(65_536)
        sending.join()
        return answer


def test_bytes_come_through_unchanged_and_in_order(echo_port):
    with DelayedTcp(echo_port) as proxy:
        assert _call(proxy.port, LARGE) == LARGE


def test_a_call_takes_a_round_trip_longer_and_a_change_counts_at_once(echo_port):
    with DelayedTcp(echo_port) as proxy:
        proxy.round_trip = ROUND_TRIP
        started = time.monotonic()
        _call(proxy.port, b"hello")
        assert time.monotonic() - started >= ROUND_TRIP


@pytest.fixture
def patient_port():
    """The port of a server that answers nobody before all CALLS have come through."""
    are_there = threading.Barrier(CALLS)

    def answer(connection):
        with connection:
            connection.recv(65_536)
            are_there.wait(timeout=60)
            connection.sendall(b"hello")

    with _answering(answer) as port:
        yield port


def test_calls_wait_beside_each_other_and_not_in_line(patient_port):
    with DelayedTcp(patient_port, round_trip=ROUND_TRIP) as proxy, ThreadPoolExecutor(CALLS) as pool:
        answers = list(pool.map(lambda _: _call(proxy.port, b"hello"), range(CALLS)))
    assert answers == [b"hello"] * CALLS


def test_the_end_of_one_side_reaches_the_other(echo_port):
    with DelayedTcp(echo_port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert answer.read() == b"bye"


def test_what_clients_send_is_counted(echo_port):
    with DelayedTcp(echo_port) as proxy:
        _call(proxy.port, b"hello")
        assert proxy.chunks == 1


def test_a_target_that_is_away_closes_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with DelayedTcp(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        assert connection.recv(1) == b""


def test_leaving_ends_open_connections(echo_port):
    with DelayedTcp(echo_port) as proxy:
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
    with connection:
        assert connection.recv(1) == b""
